"""Make the demo's PostgreSQL data directory and fill it, without ever opening a port.

Everything runs in single-user mode, on standard input: there is no superuser password, no moment
without authentication, and nothing on a command line. The directory looks like this:

    HOME/                 the operator's, 0711
      postgresql.conf       ours, so that root never writes into another user's directory
      pg_hba.conf
      server.log            0600
      reader-password       0600
      data/                 the server's user's, 0700
"""

import subprocess
from pathlib import Path
from typing import Final

from console.demo.account import Account, DemoError
from console.demo.roles import DATABASE, READER, WRITER

# Speed over durability: the data lives as long as the demo. Statements are not logged, since one
# that fails may be one with a password in it.
SETTINGS: Final = """\
include '{home}/data/postgresql.conf'
hba_file = '{home}/pg_hba.conf'
listen_addresses = '127.0.0.1'
port = {port}
unix_socket_directories = ''
max_connections = 60
shared_buffers = '32MB'
fsync = off
synchronous_commit = off
full_page_writes = off
wal_level = minimal
max_wal_senders = 0
password_encryption = 'scram-sha-256'
timezone = 'UTC'
log_timezone = 'UTC'
log_statement = none
log_min_error_statement = panic
log_min_messages = fatal
"""

ACCESS_RULES: Final = f"host {DATABASE} {READER},{WRITER} 127.0.0.1/32 scram-sha-256\n"

INITDB_OPTIONS: Final = (
    "--username=postgres",
    # Nobody logs in as the superuser: it has no password, and pg_hba.conf has no line for it.
    "--auth-local=reject",
    "--auth-host=scram-sha-256",
    "--encoding=UTF8",
    "--locale=C",
    "--locale-provider=builtin",
    "--builtin-locale=C.UTF-8",
    "--wal-segsize=1",
    "--no-sync",
    "--no-instructions",
)

# Nothing of ours reaches the server's environment.
ENVIRONMENT: Final = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}

# Ten times what a slow machine needs; only a hang gets there.
STEP_TIMEOUT_S: Final = 60.0


def make_cluster(home: Path, programs: Path, account: Account, *, port: int) -> None:
    """Create the data directory below *home* for *account*; raise DemoError."""
    for name, text in (
        ("postgresql.conf", SETTINGS.format(home=home, port=port)),
        ("pg_hba.conf", ACCESS_RULES),
    ):
        (home / name).write_text(text)
        (home / name).chmod(0o644)
    initdb = [str(programs / "initdb"), *INITDB_OPTIONS, f"--pgdata={home / 'data'}"]
    _run(initdb, account, sql="")


def run_sql(home: Path, programs: Path, account: Account, *, database: str, sql: str) -> None:
    """Run *sql* as the superuser; each statement ends with a semicolon and an empty line.

    Raises DemoError at the first statement that fails.
    """
    options = ["--single", "-j", "-c", "exit_on_error=on"]
    _run([*server_command(home, programs, options), database], account, sql=sql)


def server_command(home: Path, programs: Path, first: list[str] | None = None) -> list[str]:
    """Return the command line of the server itself; *first* goes before the other options."""
    settings = ["-D", str(home / "data"), "-c", f"config_file={home / 'postgresql.conf'}"]
    return [str(programs / "postgres"), *(first or []), *settings]


def _run(command: list[str], account: Account, *, sql: str) -> None:
    program = Path(command[0]).name
    try:
        ended = subprocess.run(  # noqa: S603 - programs of the package, no shell
            command,
            input=sql,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            env=ENVIRONMENT,
            cwd="/",
            user=account.user_change,
            group=account.group_change,
            extra_groups=account.groups_change,
            timeout=STEP_TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise DemoError(f"the demo database: {program} took over {STEP_TIMEOUT_S:.0f} s") from None
    except subprocess.SubprocessError:
        raise DemoError(f"the demo database: cannot change to user {account.uid}") from None
    if ended.returncode != 0:
        lines = [line for line in ended.stderr.splitlines() if "FATAL" in line or "error:" in line]
        reason = (lines or ended.stderr.splitlines() or ["no reason given"])[-1]
        raise DemoError(f"the demo database: {program} failed: {reason.strip()}")
