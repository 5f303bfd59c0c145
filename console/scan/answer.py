"""Get the secret to look for, look for it, tell what was found; the secret goes no further."""

import getpass
import sys
import warnings
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from console.scan.derivatives import of_mysql, of_postgresql
from console.scan.listener import Listener, progress_of_terminal
from console.scan.needles import MAX_SECRET_BYTES, Extra
from console.scan.proof import prove
from console.scan.report import Suspect, Unscanned
from console.scan.salt_question import Login, fetch_salt
from console.scan.scram_salt import NoSaltError
from console.scan.text import as_json, as_text

MYSQL: Final = "mysql"
_PEM: Final = b"-----BEGIN "


class UnreadableSecretError(Exception):
    """The secret cannot be had; the text is the sentence for the user."""


@dataclass(frozen=True, kw_only=True)
class Question:
    """What to look for, and in what."""

    secret: bytes = field(repr=False)
    engines: Collection[str]
    """Of which servers it may be the password."""
    login: Login | None
    """Whose password it is, of the one engine that must be asked; None where that is not said."""
    processes: Sequence[Suspect]
    absent: Sequence[str]
    """Names of processes that are being restarted."""
    run_dir: Path
    status: bytes
    """What the running system says of itself."""
    notes: Sequence[str] = ()


def answer(question: Question, *, as_object: bool) -> int:
    """Print where the secret is among the processes, their supervisor, the run directory.

    Return 0 if it is nowhere, 1 if it was found, 3 if not everything could be looked at.
    Raises UnsearchableSecretError.
    """
    gaps = [Unscanned(None, name, "process", "it is being restarted") for name in question.absent]
    extra, unknown = _worth_as_much(question)
    report = prove(
        question.processes,
        question.secret,
        [question.run_dir],
        extra=extra,
        gaps=[*gaps, *unknown],
        texts=[("status output", question.status)],
        notes=[*question.notes, *_notes(question)],
        listener=_listener(as_object=as_object),
    )
    print(as_json(report) if as_object else as_text(report))
    return report.verdict.value


def _listener(*, as_object: bool) -> Listener:
    progress = progress_of_terminal()
    return Listener(progress=progress) if as_object else Listener(_print_now, progress)


def _print_now(sentence: str) -> None:
    print(sentence, flush=True)


def _worth_as_much(question: Question) -> tuple[list[Extra], list[Unscanned]]:
    found = of_mysql(question.secret) if MYSQL in question.engines else []
    login = question.login
    if login is None:
        return found, []
    salt, gaps = None, []
    try:
        salt = fetch_salt(login)
    except NoSaltError as error:
        keys = f"SCRAM keys, whose salt {login.host}:{login.port} has"
        gaps = [Unscanned(None, "scanner", keys, str(error))]
    return [*found, *of_postgresql(question.secret, login.user, salt)], gaps


def _notes(question: Question) -> Iterator[str]:
    if MYSQL in question.engines:
        yield (
            "Not looked for: the hash that MySQL stores for caching_sha2_password, whose salt it "
            "tells nobody."
        )
    if question.login is not None:
        user = question.login.user
        yield f"The keys are those of user {user!r}; for an unknown one servers make up a salt."
    elif set(question.engines) != {MYSQL}:
        yield "Not looked for: the password's SCRAM keys (give --connection and --user)."


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
    if line.startswith(_PEM):
        # A secret it may well be, but not its first line, which is everywhere.
        raise UnreadableSecretError(f"{path} is a key or a certificate, not a line with a secret")
    return line.removesuffix(b"\n").removesuffix(b"\r")


def ask(question: str) -> str:
    """Return what the user types in answer, nothing where there is nobody to ask."""
    if not sys.stdin.isatty():
        return ""
    sys.stderr.write(question)
    sys.stderr.flush()
    return sys.stdin.readline().strip()


def _typed_secret() -> bytes:
    with warnings.catch_warnings():
        # getpass would only warn that it echoes.
        warnings.simplefilter("error", getpass.GetPassWarning)
        try:
            return getpass.getpass("Secret to look for: ").encode(errors="surrogateescape")
        except (getpass.GetPassWarning, EOFError):
            raise UnreadableSecretError("there is no terminal: give --secret-file") from None
