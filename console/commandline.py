"""One parser; each command is one module, loaded only when it runs."""

import argparse
import importlib
import sys
from collections.abc import Sequence
from typing import Final, Protocol

from console.failures import EXIT_FAILED, CommandFailedError
from wire.rundir import RunDirectoryError

EXIT_INTERRUPTED: Final = 130  # what a shell says of a program that Ctrl-C ended

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
    return _run(command, parser.parse_args(arguments))


def _load(name: str) -> Command:
    command: Command = importlib.import_module(f"console.commands.{name}")
    return command


def _run(command: Command, args: argparse.Namespace) -> int:
    try:
        return command.run(args)
    except CommandFailedError as error:
        sys.stderr.write(f"strongroom: {error}\n")
        return error.status
    except RunDirectoryError as error:
        sys.stderr.write(f"strongroom: {error}\n")
        return EXIT_FAILED
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        sys.stderr.close()  # or the interpreter complains once more when it flushes at exit
        return EXIT_FAILED
