"""`strongroom status`: what runs, how its databases are, who uses what, and what waits."""

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final, NoReturn

from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from console.arguments import run_dir_help
from console.status_tables import tables, watched
from console.system import SystemStatus, fetch_status
from console.terminal import visible
from wire.rundir import run_dir_of

WATCH_S: Final = 1.0
"""How long after one look the next one follows."""

UNBROKEN: Final = 240
"""Columns for the tables where nobody sees a terminal: a program reads whole lines."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what `status` takes."""
    where = run_dir_help("where the system runs")
    parser.add_argument("--run-dir", type=Path, metavar="DIR", help=where)
    parser.add_argument("--json", action="store_true", help="print the report as JSON")
    parser.add_argument("--watch", action="store_true", help="look every second until Ctrl-C")


def run(args: argparse.Namespace) -> int:
    """Show the status of the running system, once or until Ctrl-C."""
    run_dir = run_dir_of(args.run_dir)
    console = Console(highlight=False, width=None if sys.stdout.isatty() else UNBROKEN)
    if not args.watch:
        _print(fetch_status(run_dir), console, as_json=args.json)
        return 0
    try:
        _watch(lambda: fetch_status(run_dir), console, as_json=args.json)
    except KeyboardInterrupt:
        return 0


def _watch(look: Callable[[], SystemStatus], console: Console, *, as_json: bool) -> NoReturn:
    """Show one look after the other; ends by an exception only, Ctrl-C above all."""
    if console.is_terminal and not as_json:
        with Live(console=console, screen=True, auto_refresh=False) as live:
            while True:
                status = look()
                live.update(_screen(status, console), refresh=True)
                time.sleep(WATCH_S)
    while True:
        _print(look(), console, as_json=as_json)
        sys.stdout.flush()
        time.sleep(WATCH_S)


def _print(status: SystemStatus, console: Console, *, as_json: bool) -> None:
    if as_json:
        # As it came, which is one line.
        sys.stdout.buffer.write(status.document + b"\n")
        return
    for line in _head(status):
        console.print(line, soft_wrap=True)
    for table in tables(status, width=console.width):
        console.print(table, soft_wrap=isinstance(table, Text))


def _screen(status: SystemStatus, console: Console) -> Group:
    """Return what fits: of what stays the same one line, which may be cut."""
    working = f"{len(status.processes)} processes"
    restarting = f", restarting: {', '.join(status.absent)}" if status.absent else ""
    head = Text(f"{working}{restarting}   {_address(status)}", no_wrap=True, overflow="ellipsis")
    width, height = console.size
    return Group(head, *watched(status, width=width, height=height))


def _head(status: SystemStatus) -> list[Text]:
    head = [_address(status)]
    for what, path in (("configuration", status.configuration), ("log", status.log)):
        if path is not None:
            head.append(f"{what}: {visible(path)}")
    return [Text(line) for line in head]


def _address(status: SystemStatus) -> str:
    return f"{status.url or 'no HTTP'}   {status.run_dir}   version {status.version}"
