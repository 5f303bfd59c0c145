"""`strongroom status`: what runs, what agents may do, which leases are open."""

import argparse
import os
import sys
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from console.system import Fields, SystemStatus, fetch_status
from console.terminal import visible
from wire.rundir import default_run_dir, own_uid


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what `status` takes."""
    parser.add_argument("--run-dir", type=Path, metavar="DIR", help="where the system runs")
    parser.add_argument("--json", action="store_true", help="print the report as JSON")


def run(args: argparse.Namespace) -> int:
    """Show the status of the running system."""
    status = fetch_status(args.run_dir or default_run_dir(os.environ, uid=own_uid()))
    if args.json:
        sys.stdout.buffer.write(status.document + b"\n")
        return 0
    console = Console(highlight=False)
    console.print(f"{status.url or 'no HTTP'}   {status.run_dir}   version {status.version}")
    for what, path in (("configuration", status.configuration), ("log", status.log)):
        if path is not None:
            console.print(f"{what}: {escape(visible(path))}", soft_wrap=True)
    for table in tables(status):
        console.print(table)
    return 0


def tables(status: SystemStatus) -> list[Table]:
    """Return the report as tables; one for the vault only where it answered."""
    made = [_processes(status), _table("connections", status.connections)]
    for title, rows in (("leases", status.leases), ("loans", status.loans)):
        if rows:
            made.append(_table(title, rows))
        elif rows is None:
            made.append(Table("the vault did not answer in time", title=title))
    return made


def _processes(status: SystemStatus) -> Table:
    table = Table("role", "name", "pid", "state", "uptime", "restarts", title="processes")
    for one in status.processes:
        uptime = f"{one.uptime_s:.0f} s"
        table.add_row(one.role, one.name, str(one.pid), one.state, uptime, str(one.restarts))
    for name in status.absent:
        table.add_row("", name, "", "restarting", "", "")
    return table


def _table(title: str, rows: list[Fields]) -> Table:
    table = Table(*rows[0], title=title) if rows else Table(title=title)
    for row in rows:
        table.add_row(*(escape(visible(str(value))) for value in row.values()))
    return table
