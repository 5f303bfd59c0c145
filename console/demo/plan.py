"""Prepare the demo: a fresh database, two random passwords, and how to keep it running.

Passwords are made in the process that becomes the supervisor, which drops its memory by doing so:
never call this in a process that goes on by itself.
"""

import os
import secrets
import shutil
import socket
import sys
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from console.demo.account import (
    Account,
    DemoError,
    is_reachable,
    server_account,
)
from console.demo.cluster import make_cluster, run_sql
from console.demo.leftovers import PREFIX, hold, sweep
from console.demo.programs import find_programs
from console.demo.roles import (
    CREATE_DATABASE,
    DATABASE,
    GRANTS,
    READER,
    WRITER,
    create_role,
    scram_verifier,
)
from console.takeout import store

HOST: Final = "127.0.0.1"
# Below what the kernel hands out by itself, so that no outgoing connection can sit on it.
PORTS: Final = range(20_000, 32_768)
PORT_TRIES: Final = 100
SALT_BYTES: Final = 16
PASSWORD_BYTES: Final = 24


@dataclass(frozen=True, kw_only=True)
class DemoPlan:
    """A prepared demo database; nothing runs yet."""

    configuration: dict[str, object]
    """What a configuration file would say."""
    command: list[str]
    """The keeper: a child of the process that called `prepare`, whatever that executes later."""
    secrets_fd: int
    """A memory file with both credentials, in the take-out's format; inheritable."""
    reader_password_file: Path
    """The reader's password on its first line, for `strongroom prove --secret-file`."""
    directory: Path
    """All that the demo has on disk; the keeper removes it at the end."""
    lock_fd: int
    """Tells other demos' starts that the directory is in use; inheritable."""


def prepare(directory: Path | None = None) -> DemoPlan:
    """Make the demo database in a fresh directory below *directory*, or the temporary one.

    What demos that were killed left there is removed first. Raises DemoError with a sentence, and
    leaves nothing behind then.
    """
    account = server_account()
    with ExitStack() as undo:
        try:
            if directory is not None:
                directory.mkdir(parents=True, exist_ok=True)
            sweep(directory or Path(tempfile.gettempdir()))
            home = Path(tempfile.mkdtemp(prefix=PREFIX, dir=directory)).resolve()
            undo.callback(shutil.rmtree, home, ignore_errors=True)
            lock = hold(home)
            undo.callback(os.close, lock)
            os.set_inheritable(lock, True)  # noqa: FBT003 - the os module's own signature
            plan = _prepare_in(home, account, lock=lock)
        except OSError as error:
            what = error.filename or "the demo database"
            raise DemoError(f"the demo database: {what}: {error.strerror}") from error
        undo.pop_all()
    return plan


def _prepare_in(home: Path, account: Account, *, lock: int) -> DemoPlan:
    _open_to(home, account)
    programs = find_programs(account, fallback=home)
    port = _free_port()
    reader, writer = (secrets.token_urlsafe(PASSWORD_BYTES).encode() for _ in range(2))
    make_cluster(home, programs, account, port=port)
    roles = "".join(
        create_role(name, verifier=scram_verifier(password, salt=secrets.token_bytes(SALT_BYTES)))
        for name, password in ((READER, reader), (WRITER, writer))
    )
    sample = Path(__file__).with_name("sample.sql").read_text(encoding="utf-8")
    run_sql(home, programs, account, database="postgres", sql=CREATE_DATABASE + roles)
    run_sql(home, programs, account, database=DATABASE, sql=sample + GRANTS)
    return DemoPlan(
        configuration=_configuration(port),
        command=_keeper_command(home, programs),
        secrets_fd=_store_credentials(reader, writer),
        reader_password_file=_write_password(home / "reader-password", reader),
        directory=home,
        lock_fd=lock,
    )


def _open_to(home: Path, account: Account) -> None:
    """Let *account* pass through *home* to the data directory, which is its own."""
    data = home / "data"
    data.mkdir(mode=0o700)
    if not account.is_other:
        return
    home.chmod(0o711)
    if not is_reachable(data):
        raise DemoError(
            f"the demo database: {home.parent} is closed to the user that PostgreSQL runs as; "
            "set TMPDIR to a directory that others may enter"
        )
    os.chown(data, account.uid, account.gid)


def _free_port() -> int:
    for _ in range(PORT_TRIES):
        port = secrets.choice(PORTS)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, port))
            except OSError:
                continue
            return port
    raise DemoError(f"the demo database: no free port on {HOST} from {PORTS[0]} to {PORTS[-1]}")


def _store_credentials(reader: bytes, writer: bytes) -> int:
    return store(
        {
            b"DEMO_READER_CREDENTIALS": b"%b:%b" % (READER.encode(), reader),
            b"DEMO_WRITER_CREDENTIALS": b"%b:%b" % (WRITER.encode(), writer),
        }
    )


def _write_password(path: Path, password: bytes) -> Path:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(password + b"\n")
    return path


def _configuration(port: int) -> dict[str, object]:
    server = {"type": "postgresql", "host": HOST, "port": port, "database": DATABASE}
    reader = {"access": "read-only", "credentialsEnv": "DEMO_READER_CREDENTIALS"}
    writer = {"access": "read-write", "credentialsEnv": "DEMO_WRITER_CREDENTIALS"}
    return {"connections": {"demo": {**server, **reader}, "demo_rw": {**server, **writer}}}


def _keeper_command(home: Path, programs: Path) -> list[str]:
    keeper = [sys.executable, "-P", "-m", "console.demo"]
    where = ["--directory", str(home), "--programs", str(programs)]
    return [*keeper, *where, "--parent", str(os.getpid())]
