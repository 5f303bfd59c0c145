"""`strongroom query`: one statement, run as any MCP client would run it."""

import argparse
import asyncio
from pathlib import Path

from console.arguments import run_dir_help
from console.failures import EXIT_USAGE, CallFailedError, CommandFailedError, LoggedError
from console.mcp_client import Access, run_statement
from console.rows import parse_parameters, show
from console.system import SystemStatus, fetch_status
from wire.rundir import TOKEN, run_dir_of


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what `query` takes."""
    parser.add_argument("connection", metavar="CONNECTION", help="a name from the configuration")
    parser.add_argument("statement", metavar="SQL", help="one statement, parameters as :name")
    parser.add_argument(
        "--param",
        action="append",
        default=[],
        metavar="name=value",
        help="a parameter; JSON goes as it is written; all else, and a JSON string, is text",
    )
    where = parser.add_mutually_exclusive_group()
    place = run_dir_help("where the system runs")
    where.add_argument("--run-dir", type=Path, metavar="DIR", help=place)
    where.add_argument("--url", metavar="URL", help="the system's URL, instead")
    parser.add_argument("--token-file", type=Path, metavar="FILE", help="the token, with --url")
    parser.add_argument("--json", action="store_true", help="print the answer as JSON")


def run(args: argparse.Namespace) -> int:
    """Run the statement and show its rows."""
    _require_text(args)
    parameters = parse_parameters(args.param)
    status = None if args.url is not None else fetch_status(_run_dir(args))
    access = _access(args, status)
    try:
        answer = asyncio.run(
            run_statement(
                access, connection=args.connection, statement=args.statement, parameters=parameters
            )
        )
    except CallFailedError as error:
        if args.json:
            show(error.answer, as_json=True)
        raise _with_log(error, status) from None
    show(answer, as_json=args.json)
    return 0


def _with_log(error: CallFailedError, status: SystemStatus | None) -> CallFailedError:
    if status is None or not isinstance(error, LoggedError):
        return error
    log = status.log or "the standard error of whoever started the system"
    return LoggedError(f"{error}\nlog: {log}", answer=error.answer)


def _require_text(args: argparse.Namespace) -> None:
    """Refuse bytes that are no UTF-8, which the SDK would find when a connection is open."""
    given = {"CONNECTION": [args.connection], "SQL": [args.statement], "--param": args.param}
    for what, texts in {**given, "--url": [args.url or ""]}.items():
        try:
            "".join(texts).encode()
        except UnicodeEncodeError:
            raise CommandFailedError(f"{what} is not UTF-8 text", status=EXIT_USAGE) from None


def _run_dir(args: argparse.Namespace) -> Path:
    if args.token_file is not None:
        raise CommandFailedError("--token-file goes with --url", status=EXIT_USAGE)
    return run_dir_of(args.run_dir)


def _access(args: argparse.Namespace, status: SystemStatus | None) -> Access:
    if status is None:
        return Access(args.url, None if args.token_file is None else _token(args.token_file))
    run_dir = _run_dir(args)
    if status.url is None:
        raise CommandFailedError(f"the system on {run_dir} serves standard streams only, no HTTP")
    path = run_dir / TOKEN
    return Access(status.url, _token(path) if path.exists() else None)


def _token(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not a token"
        raise CommandFailedError(f"{path} cannot be read: {reason}") from None
