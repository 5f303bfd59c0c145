import os
import secrets
import subprocess
import sys
from pathlib import Path

import pytest

from console.scan.answer import UnreadableSecretError, read_secret

ROOT = Path(__file__).resolve().parents[3]

# Asks as the command does; a terminal whose path it is given becomes its own.
ASKS = """
import os, sys
if len(sys.argv) > 1:
    os.open(sys.argv[1], os.O_RDWR)
from console.scan.answer import UnreadableSecretError, read_secret
try:
    print(read_secret(None).hex())
except UnreadableSecretError as error:
    print(error)
"""


def asking(*terminal: str) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        [sys.executable, "-P", "-c", ASKS, *terminal],
        env={"PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )


@pytest.mark.parametrize("ending", [b"", b"\n", b"\r\n", b"\nmore"])
def test_the_secret_is_the_first_line_of_the_file_without_its_ending(
    tmp_path: Path, ending: bytes
) -> None:
    path = tmp_path / "secret"
    path.write_bytes("  p:@/%'\" \\é ".encode() + ending)

    assert read_secret(path) == "  p:@/%'\" \\é ".encode()


def test_a_secret_file_that_cannot_be_read_gives_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(UnreadableSecretError, match="No such file"):
        read_secret(tmp_path / "none")


def test_a_key_file_is_refused_because_its_first_line_is_no_secret(tmp_path: Path) -> None:
    path = tmp_path / "key.pem"
    path.write_text("-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----\n")

    with pytest.raises(UnreadableSecretError, match="is a key or a certificate"):
        read_secret(path)


def test_the_secret_is_asked_for_on_the_terminal_which_does_not_show_it() -> None:
    secret, (ours, theirs) = secrets.token_urlsafe(33), os.openpty()
    with asking(os.ttyname(theirs)) as process:
        shown = b""
        while not shown.endswith(b"look for: "):
            shown += os.read(ours, 1000)
        os.write(ours, secret.encode() + b"\n")
        told, _ = process.communicate()
        shown += os.read(ours, 1000)

    os.close(ours)
    os.close(theirs)
    assert bytes.fromhex(told.decode()) == secret.encode()
    assert secret.encode() not in shown


def test_where_typing_would_be_seen_nothing_is_asked() -> None:
    with asking() as process:
        told, _ = process.communicate(b"typed for all to see\n")

    assert told == b"there is no terminal: give --secret-file\n"
