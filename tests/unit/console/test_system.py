"""What a status report says, and how it is shown."""

from io import StringIO

import msgspec
from rich.console import Console

from console.commands.status import tables
from console.system import ProcessStatus, read_status


def a_report(**changes: object) -> bytes:
    process = {"role": "vault", "name": "vault-1", "pid": 7, "state": "running"}
    report = {
        "processes": [{**process, "uptime_s": 1.5, "restarts": 2}],
        "connections": [{"name": "demo", "access": "read-only"}],
        "leases": [],
        "loans": [],
        "url": "http://127.0.0.1:1/mcp",
        "run_dir": "/run/x",
        "version": "1",
    }
    return msgspec.json.encode({**report, **changes})


def shown(report: bytes) -> str:
    console = Console(width=120, file=StringIO())
    with console.capture() as capture:
        for table in tables(read_status(report)):
            console.print(table)
    return capture.get()


def test_a_report_is_read() -> None:
    status = read_status(a_report())

    assert status.processes == [ProcessStatus("vault", "vault-1", 7, "running", 1.5, 2)]
    assert status.absent == []


def test_a_process_that_is_being_restarted_has_no_process_id() -> None:
    gone = {"role": "vault", "name": "vault-1", "pid": None, "state": "backoff"}

    status = read_status(a_report(processes=[{**gone, "uptime_s": 0, "restarts": 1}]))

    assert (status.processes, status.absent) == ([], ["vault-1"])
    assert status.document


def test_what_a_later_version_adds_is_not_in_the_way() -> None:
    assert read_status(a_report(weather="fine")).version == "1"


def test_the_table_shows_processes_and_connections() -> None:
    text = shown(a_report(leases=[{"id": "abc", "connection": "demo"}]))

    assert "vault-1" in text
    assert "read-only" in text
    assert "abc" in text
    assert "loans" not in text


def test_a_vault_that_did_not_answer_is_said_so() -> None:
    assert "the vault did not answer in time" in shown(a_report(leases=None))
