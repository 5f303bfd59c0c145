"""The supervisor's command line and exit codes; `strongroom up` writes it, people rarely do."""

import argparse
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NoReturn

from supervisor.listening import Address, parse_address
from wire.exits import EXIT_CANNOT_START
from wire.logs import Form

EXIT_GAVE_UP: Final = 3
EXIT_ALREADY_RUNNING: Final = 4

PROCESSES_MAX: Final = 64


@dataclass(frozen=True, kw_only=True)
class Options:
    """How to run the system."""

    config: Path | None
    """None only with `check`."""
    run_dir: Path
    listen: Address | None
    """None: no HTTP at all, only clients on standard streams."""
    executors: int
    gateways: int
    token: bool
    until_idle: bool
    """Stop when the last client on standard streams has gone."""
    check: bool
    """Only say whether the system could start."""
    log_form: Form | None
    """None: text where standard error is a terminal, JSON elsewhere."""
    demo_command: tuple[str, ...]
    """The demo database's keeper, if there is a demo."""
    demo_password_file: Path | None
    demo_user: str | None
    """Whose password is in that file."""


def parse_options(arguments: Sequence[str]) -> Options:
    """Return what the command line says; raise ListenError, or exit as argparse does."""
    parser = _parser()
    found = parser.parse_args(arguments)
    if found.config is None and not found.check:
        parser.error("--config is needed")
    return Options(
        config=found.config,
        run_dir=found.run_dir,
        listen=None if found.listen == "none" else parse_address(found.listen),
        executors=found.executors,
        gateways=0 if found.listen == "none" else found.gateways,
        token=not found.no_token,
        until_idle=found.until_idle,
        check=found.check,
        log_form=None if found.log_format == "auto" else found.log_format,
        demo_command=found.demo_command,
        demo_password_file=found.demo_password_file,
        demo_user=found.demo_user,
    )


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one sentence; the usage that a person needs is the console's."""

    def error(self, message: str) -> NoReturn:
        self.exit(EXIT_CANNOT_START, f"strongroom: {message}\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="supervisor", allow_abbrev=False)
    parser.add_argument("--config", type=Path, default=None, metavar="FILE")
    parser.add_argument("--run-dir", type=Path, required=True, metavar="DIR")
    parser.add_argument("--listen", default="127.0.0.1:8765", metavar="HOST:PORT|none")
    parser.add_argument("--executors", type=_count, default=2, metavar="N")
    parser.add_argument("--gateways", type=_count, default=1, metavar="N")
    parser.add_argument("--no-token", action="store_true")
    parser.add_argument("--until-idle", action="store_true")
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--log-format", choices=("auto", "text", "json"), default="auto")
    parser.add_argument("--demo-command", type=_command, default=(), metavar="JSON")
    parser.add_argument("--demo-password-file", type=Path, default=None, metavar="FILE")
    parser.add_argument("--demo-user", default=None, metavar="NAME")
    return parser


def _count(given: str) -> int:
    if given.isascii() and given.isdigit() and 1 <= int(given) <= PROCESSES_MAX:
        return int(given)
    raise argparse.ArgumentTypeError(f"a number from 1 to {PROCESSES_MAX} is expected")


def _command(given: str) -> tuple[str, ...]:
    found = json.loads(given)
    if not isinstance(found, list) or not all(isinstance(word, str) for word in found):
        raise argparse.ArgumentTypeError("a JSON list of words is expected")
    return tuple(found)
