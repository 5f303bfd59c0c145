"""Get the secret to look for, look for it, tell what was found; the secret goes no further."""

import getpass
import warnings
from collections.abc import Sequence
from pathlib import Path

from console.scan.needles import MAX_SECRET_BYTES
from console.scan.proof import prove, with_supervisor
from console.scan.report import Suspect, Unscanned
from console.scan.text import as_json, as_text


class UnreadableSecretError(Exception):
    """The secret cannot be had; the text is the sentence for the user."""


def answer(
    secret: bytes,
    processes: Sequence[Suspect],
    *,
    absent: Sequence[str],
    run_dir: Path,
    as_object: bool,
) -> int:
    """Print where *secret* is among *processes*, their supervisor, and in *run_dir*.

    Return 0 if it is nowhere, 1 if it was found, 2 if not everything could be looked at, such as
    a process that is *absent* because it is being restarted. Raises UnsearchableSecretError.
    """
    gaps = [Unscanned(None, name, "process", "it is being restarted") for name in absent]
    report = prove(with_supervisor(processes), secret, [run_dir], gaps=gaps)
    print(as_json(report) if as_object else as_text(report))
    return report.verdict.value


def read_secret(path: Path | None) -> bytes:
    """Return the first line of a file, or what the user types unseen.

    Raises UnreadableSecretError, also where typing would be seen.
    """
    if path is None:
        return _typed_secret()
    try:
        with path.open("rb") as file:
            line = file.readline(MAX_SECRET_BYTES + 2)
    except OSError as error:
        raise UnreadableSecretError(f"{path} cannot be read: {error.strerror}") from None
    return line.removesuffix(b"\n").removesuffix(b"\r")


def _typed_secret() -> bytes:
    with warnings.catch_warnings():
        # getpass would only warn that it echoes.
        warnings.simplefilter("error", getpass.GetPassWarning)
        try:
            return getpass.getpass("Secret to look for: ").encode(errors="surrogateescape")
        except (getpass.GetPassWarning, EOFError):
            raise UnreadableSecretError("there is no terminal: give --secret-file") from None
