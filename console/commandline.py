"""One parser; each command is one module, loaded only when it runs."""

import argparse
import importlib
import io
import os
import sys
from collections.abc import Sequence
from typing import Final, Protocol

from console.failures import EXIT_FAILED, CommandFailedError
from console.terminal import visible_lines
from wire.rundir import RunDirectoryError
from wire.version import VERSION

EXIT_INTERRUPTED: Final = 130  # what a shell says of a program that Ctrl-C ended
_STATUS_OF_FAILURE: Final = {"prove": 3}
"""Of a command whose answer is its status: a lost output must not say what it found."""

COMMANDS: Final = {
    "up": "start the system, or a demo of it, and stay until Ctrl-C",
    "stdio": "serve one MCP client on standard input and output",
    "query": "run one statement as an MCP client would",
    "status": "show what runs",
    "prove": "look for a secret in the memory of every process",
}


class Command(Protocol):
    """What a module of `console.commands` offers."""

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare the command's arguments."""

    def run(self, args: argparse.Namespace) -> int:
        """Do the work and return the exit status."""
        ...


def main(arguments: Sequence[str]) -> int:
    """Run the command that *arguments* name, and return the exit status."""
    parser = argparse.ArgumentParser(
        prog="strongroom",
        description="Give agents your databases, never your passwords.",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"strongroom {VERSION}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    parsers = {
        name: commands.add_parser(name, help=about, description=about, allow_abbrev=False)
        for name, about in COMMANDS.items()
    }
    if not arguments or arguments[0] not in COMMANDS:
        parser.parse_args(arguments)
        return EXIT_FAILED  # not reached: without a command that exits
    command = _load(arguments[0])
    command.add_arguments(parsers[arguments[0]])
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # rows may hold what a locale does not
    args = parser.parse_args(arguments)
    return _run(command, args, failed=_STATUS_OF_FAILURE.get(arguments[0], EXIT_FAILED))


def _load(name: str) -> Command:
    command: Command = importlib.import_module(f"console.commands.{name}")
    return command


def _run(command: Command, args: argparse.Namespace, *, failed: int) -> int:
    try:
        status = command.run(args)
        sys.stdout.flush()
    except CommandFailedError as error:
        _complain(str(error))
        return error.status
    except RunDirectoryError as error:
        _complain(str(error))
        return failed
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        _drop_output()  # nobody reads it any more, and that needs no words
        return failed
    except OSError as error:
        _drop_output()
        _complain(f"{error.filename or 'the output'}: {error.strerror}")
        return failed
    return status


def _complain(sentence: str) -> None:
    """Say why it failed; a database's words are in it, and they are no commands to a terminal."""
    sys.stderr.write(f"strongroom: {visible_lines(sentence)}\n")


def _drop_output() -> None:
    """Let the interpreter lose what it could not write, or it complains again when it exits."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)
