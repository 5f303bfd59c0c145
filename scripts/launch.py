#!/usr/bin/env python3
"""Start Strongroom from a fresh checkout, with nothing installed but python3.

First the credentials leave the environment, then `.venv` is made if it is not there, then this
process becomes `strongroom up` with the same options. Nothing here may need more than the standard
library, and nothing before the version check more than an old Python's grammar.
"""

import os
import re
import sys
from pathlib import Path
from typing import NoReturn

ROOT = Path(__file__).resolve().parent.parent

USAGE = """\
usage: launch.py [--config FILE] [--listen HOST:PORT] [--run-dir DIR]
                 [--executors N] [--gateways N] [--no-token]
                 [--log-format FORMAT]

Makes .venv beside this checkout on first use, installs the pinned packages into it, and runs
`strongroom up` with the options given here. Without --config it starts a demo: a PostgreSQL server
of its own with a sample database, one read-only and one read-write connection.

  --config FILE         the connections that may be used (JSON)
  --listen HOST:PORT    where MCP clients connect (127.0.0.1:8765)
  --run-dir DIR         where sockets and the token are kept
  --executors N         how many processes run statements (2)
  --gateways N          how many processes face MCP clients (1)
  --no-token            let any local user connect
  --log-format FORMAT   text, json or auto: text at a terminal, JSON elsewhere (auto)

Credentials: NAME=user:password in the environment, where the configuration says
"credentialsEnv": "NAME", or a file of that name in $CREDENTIALS_DIRECTORY (systemd's
LoadCredential=NAME:FILE). They are taken out before anything else runs.
"""


def main(arguments: "list[str]") -> int:
    """Become `strongroom up`; return only when that is impossible, with the exit status."""
    if sys.version_info < (3, 11):  # noqa: UP036 - whoever reads this sentence has an older one
        version = "%d.%d" % sys.version_info[:2]  # noqa: UP031 - the same
        return _refused("Strongroom needs Python 3.11 or newer; this is %s" % version)  # noqa: UP031
    if "-h" in arguments or "--help" in arguments:
        sys.stdout.write(USAGE)
        return 0
    unknown = _unknown_in(arguments)
    if unknown is not None:
        sys.stderr.write(USAGE.partition("\n\n")[0] + "\n")
        sys.stderr.write("launch.py: error: unrecognized argument: " + unknown + "\n")
        return 2
    sys.path.insert(0, str(ROOT))
    # Imports of ours wait until here: the take-out comes first, then what may come after it.
    from console.takeout import take_credentials  # noqa: PLC0415

    take_credentials(arguments, reexec=[sys.executable, *sys.orig_argv[1:]])
    refusal = _run_dir_refusal(arguments)
    if refusal is not None:
        sys.stderr.write("strongroom: " + refusal + "\n")
        return 2
    from scripts import installation  # noqa: PLC0415

    status = installation.main(["demo"])
    if status != 0:
        return status
    return _become_up(arguments)


def _unknown_in(arguments: "list[str]") -> "str | None":
    """Return the first argument that USAGE does not have, before anything is installed for it."""
    known = dict(re.findall(r"^  (--[a-z-]+) +([A-Z][A-Z:]*)?", USAGE, re.MULTILINE))
    rest = iter(arguments)
    for argument in rest:
        name, equals, _ = argument.partition("=")
        if name not in known:
            return argument
        if known[name] and not equals:
            next(rest, None)  # its value
    return None


def _run_dir_refusal(arguments: "list[str]") -> "str | None":
    """Return why the run directory cannot be used, before anything is installed for it."""
    from wire import rundir  # noqa: PLC0415 - after the take-out

    given = None
    for name, value in zip(arguments, [*arguments[1:], ""]):  # noqa: B905 - an old Python's grammar
        if name == "--run-dir":
            given = Path(value)
        elif name.startswith("--run-dir="):
            given = Path(name.partition("=")[2])
    try:
        rundir.require_usable(rundir.run_dir_of(given), uid=rundir.own_uid())
    except FileNotFoundError:
        return None
    except rundir.RunDirectoryError as error:
        return str(error)
    except OSError as error:
        return "run directory cannot be used: " + str(error.strerror)
    return None


def _become_up(arguments: "list[str]") -> NoReturn:
    python = str(ROOT / ".venv" / "bin" / "python")
    command = [python, "-P", "-m", "console", "up", *arguments]
    os.execv(python, command)  # noqa: S606 - no shell; the environment is clean by now


def _refused(sentence: str) -> int:
    sys.stderr.write(sentence + "\n")
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
