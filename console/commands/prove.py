"""`strongroom prove`: look for a password in every process of the running system.

The user types a password that the vault knows. It goes into this process alone, never into an
argument or the environment, and the answer says where else it is: nowhere, if all is well.
"""

import argparse
from pathlib import Path
from typing import Final

import msgspec

from console.arguments import run_dir_help
from console.failures import CommandFailedError
from console.scan.answer import MYSQL, Question, UnreadableSecretError, answer, ask, read_secret
from console.scan.needles import UnsearchableSecretError
from console.scan.report import Suspect, Verdict
from console.scan.salt_question import Login
from console.system import Fields, SystemStatus, fetch_status
from wire.lending import Tls
from wire.rundir import RunDirectoryError, run_dir_of

_CANNOT_LOOK: Final = (
    CommandFailedError,
    RunDirectoryError,
    UnreadableSecretError,
    UnsearchableSecretError,
)
_STDERR: Final = 2


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what `strongroom prove` takes; the secret itself is not among it."""
    where = run_dir_help("where the system runs")
    parser.add_argument("--run-dir", type=Path, metavar="DIR", help=where)
    parser.add_argument("--json", action="store_true", help="print the report as JSON")
    parser.add_argument(
        "--secret-file", type=Path, metavar="FILE", help="look for its first line instead of asking"
    )
    parser.add_argument(
        "--connection",
        metavar="NAME",
        help="whose password it is: PostgreSQL's server is asked for the salt, without a password "
        "(it may log that a client left), and the SCRAM keys are looked for too",
    )
    parser.add_argument(
        "--user", metavar="NAME", help="that connection's database user; MySQL needs none"
    )


def run(args: argparse.Namespace) -> int:
    """Scan the running system; return 0 if clean, 1 if found, 3 if not all could be looked at."""
    run_dir = run_dir_of(args.run_dir)
    try:
        status = fetch_status(run_dir)
        engines, login = _whose(args, status)
        question = Question(
            secret=read_secret(args.secret_file),
            engines=engines,
            login=login,
            processes=[Suspect(one.pid, one.role, one.name) for one in status.processes],
            absent=status.absent,
            run_dir=run_dir,
            status=status.document,
            notes=_where_the_log_goes(status),
        )
        return answer(question, as_object=args.json)
    except _CANNOT_LOOK as error:
        # The status of other commands that fail would say here that the secret was found.
        raise CommandFailedError(str(error), status=Verdict.INCOMPLETE.value) from None


def _whose(args: argparse.Namespace, status: SystemStatus) -> tuple[set[str], Login | None]:
    """Return of which engines it may be the password, and of whom; ask a person who did not say."""
    servers = {str(one["name"]): one for one in status.connections if "port" in one}
    name = args.connection
    if name is None and args.secret_file is None and servers:
        name = ask(f"Connection that it belongs to ({', '.join(servers)}; empty: none): ")
    if not name:
        return {str(server["type"]) for server in servers.values()}, None
    if name not in servers:
        raise CommandFailedError(f"the running system has no connection {name!r} to a server")
    engine = str(servers[name]["type"])
    return {engine}, None if engine == MYSQL else _login(args.user, name, servers[name])


def _login(user: str | None, name: str, server: Fields) -> Login:
    user = user or ask(f"Database user of {name}: ")
    if not user:
        raise CommandFailedError("--connection needs --user: the salt is the user's")
    return Login(
        host=str(server["host"]),
        port=int(str(server["port"])),
        database=str(server["database"]),
        user=user,
        tls=msgspec.convert(server.get("tls"), Tls | None),
    )


def _where_the_log_goes(status: SystemStatus) -> list[str]:
    """Return a sentence, unless the log is a file that is looked into anyway."""
    pids = [one.pid for one in status.processes if one.role == "supervisor"]
    if status.log is not None or not pids:
        return []
    try:
        target = Path(f"/proc/{pids[0]}/fd/{_STDERR}").readlink()
    except OSError:
        return []  # nothing of it can be looked at, which is said elsewhere
    if target.is_file():
        return []
    return [f"The log goes to {target}: what was read from there is not looked at."]
