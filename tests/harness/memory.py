"""Show that a canary is nowhere: not in memory, not in descriptors, not in files."""

import contextlib
import hashlib
import hmac
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from subprocess import PIPE
from types import MappingProxyType
from typing import Final, Literal

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from console.scan.needles import Extra
from console.scan.processes import children_by_parent
from console.scan.proof import prove
from console.scan.report import Report, Suspect, Unscanned
from console.scan.text import as_text

NO_VARIABLES: Final[Mapping[str, str]] = MappingProxyType({})


def nothing(gap: Unscanned) -> bool:  # noqa: ARG001 - an answer to every gap
    return False


def assert_nowhere(
    suspects: Sequence[Suspect],
    secret: bytes,
    *,
    extra: Sequence[Extra] = (),
    directories: Sequence[Path] = (),
    allow_unreadable: Callable[[Unscanned], bool] = nothing,
) -> Report:
    """Fail with the whole report unless neither *secret* nor *extra* is anywhere.

    Descendants of the suspects are scanned too. A gap fails as well, unless the design allows it
    (the vault's secret page) or *allow_unreadable* says so.
    """
    report = prove(suspects, secret, directories, extra=extra)
    gaps = [gap for gap in report.unscanned if not gap.allowed and not allow_unreadable(gap)]
    if report.hits or gaps:
        raise AssertionError(f"the canary is not proved absent\n\n{as_text(report)}")
    return report


def find_descendants(pid: int) -> list[int]:
    """Return all that descend from *pid*, without itself."""
    children = children_by_parent()
    found = list(children.get(pid, []))
    for child in found:
        found += children.get(child, [])
    return found


def find_commands(word: str) -> list[int]:
    """Return those that descend from this process and have *word* in their command line."""
    found: list[int] = []
    for pid in find_descendants(os.getpid()):
        # One may end while we look.
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            if word.encode() in Path(f"/proc/{pid}/cmdline").read_bytes():
                found.append(pid)
    return found


def scram_derivatives(password: bytes, *, salt: bytes, iterations: int) -> list[Extra]:
    """Return what SCRAM-SHA-256 makes of a password (RFC 5802, section 3), each worth as much."""
    salted = hashlib.pbkdf2_hmac("sha256", password, salt, iterations)
    client_key = hmac.digest(salted, b"Client Key", "sha256")
    return [
        ("SaltedPassword", salted),
        ("ClientKey", client_key),
        ("StoredKey", hashlib.sha256(client_key).digest()),
        ("ServerKey", hmac.digest(salted, b"Server Key", "sha256")),
    ]


def mysql_derivatives(password: bytes) -> list[Extra]:
    """Return what MySQL's and MariaDB's plugins make of a password before any nonce comes in."""
    native = hashlib.sha1(password, usedforsecurity=False).digest()
    cached = hashlib.sha256(password).digest()
    return [
        ("SHA1", native),
        ("SHA1 of that", hashlib.sha1(native, usedforsecurity=False).digest()),
        ("SHA256", cached),
        ("SHA256 of that", hashlib.sha256(cached).digest()),
        ("SHA512", hashlib.sha512(password).digest()),
    ]


def private_numbers(key: Path) -> list[Extra]:
    """Return the secret numbers of a private key's PEM file, as files and as OpenSSL have them.

    The file's other contents are no secret: the public key is in the certificate, too.
    """
    found = load_pem_private_key(key.read_bytes(), password=None)
    if isinstance(found, EllipticCurvePrivateKey):
        numbers = {"scalar": found.private_numbers().private_value}
    elif isinstance(found, RSAPrivateKey):
        each = found.private_numbers()
        numbers = {"d": each.d, "p": each.p, "q": each.q, "dmp1": each.dmp1, "dmq1": each.dmq1}
    else:
        raise TypeError(f"a key of no known kind: {type(found).__name__}")
    orders: tuple[Literal["big", "little"], ...] = ("big", "little")
    return [
        (f"{name} ({order})", number.to_bytes((number.bit_length() + 7) // 8, order))
        for name, number in numbers.items()
        for order in orders
    ]


@contextmanager
def a_process(
    program: str,
    given: bytes = b"",
    *,
    arguments: Sequence[str] = (),
    environment: Mapping[str, str] = NO_VARIABLES,
    says: bytes = b"ready",
) -> Iterator[int]:
    """Run a bare Python with *given* as the variable `given`, until the block ends; give its pid.

    It gets *given* through a pipe, runs *program*, says *says* (whose end is "ready"), holds still.
    """
    code = (
        "import os, sys\n"
        "given = bytearray(int(sys.stdin.buffer.raw.readline()))\n"
        "view = memoryview(given)\n"
        "while view: view = view[sys.stdin.buffer.raw.readinto(view):]\n"
        f"{program}\n"
        "os.write(1, b'ready')\n"
        "sys.stdin.buffer.raw.read()\n"
    )
    command = [sys.executable, "-I", "-S", "-u", "-c", code, *arguments]
    with subprocess.Popen(command, stdin=PIPE, stdout=PIPE, env=dict(environment)) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(b"%d\n" % len(given) + given)
        process.stdin.flush()
        assert process.stdout.read(len(says)) == says
        yield process.pid
