"""`strongroom prove`: look for a password in every process of the running system.

The user types a password that the vault knows. It goes into this process alone, never into an
argument or the environment, and the answer says where else it is: nowhere, if all is well.
"""

import argparse
import os
from pathlib import Path
from typing import Final

from console.failures import CommandFailedError
from console.scan.answer import UnreadableSecretError, answer, read_secret
from console.scan.needles import UnsearchableSecretError
from console.scan.report import Suspect, Verdict
from console.system import fetch_status
from wire.rundir import RunDirectoryError, default_run_dir, own_uid

_CANNOT_LOOK: Final = (
    CommandFailedError,
    RunDirectoryError,
    UnreadableSecretError,
    UnsearchableSecretError,
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what `strongroom prove` takes; the secret itself is not among it."""
    parser.add_argument("--run-dir", type=Path, metavar="DIR", help="where the system runs")
    parser.add_argument("--json", action="store_true", help="print the report as JSON")
    parser.add_argument(
        "--secret-file", type=Path, metavar="FILE", help="look for its first line instead of asking"
    )


def run(args: argparse.Namespace) -> int:
    """Scan the running system; return 0 if clean, 1 if found, 2 if not all could be looked at."""
    run_dir: Path = args.run_dir or default_run_dir(os.environ, uid=own_uid())
    try:
        secret = read_secret(args.secret_file)
        status = fetch_status(run_dir)
        return answer(
            secret,
            [Suspect(process.pid, process.role, process.name) for process in status.processes],
            absent=status.absent,
            run_dir=run_dir,
            as_object=args.json,
        )
    except _CANNOT_LOOK as error:
        # The status of other commands that fail would say here that the secret was found.
        raise CommandFailedError(str(error), status=Verdict.INCOMPLETE.value) from None
