"""What a status report says, and how it is shown."""

from io import StringIO

import msgspec
from rich.console import Console

from console.status_tables import ROWS_MAX, tables
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


def test_a_vault_that_did_not_answer_is_said_so() -> None:
    assert "the vault did not answer in time" in shown(a_report(leases=None))


def some_leases(count: int) -> list[dict[str, object]]:
    return [{"id": f"id{n:04}", "connection": "demo", "idle_s": float(n)} for n in range(count)]


def test_of_thousands_of_leases_the_last_used_are_shown_and_the_rest_is_a_number() -> None:
    text = shown(a_report(leases=some_leases(150), leases_total=4_000))

    assert sum(f"id{n:04}" in text for n in range(150)) == ROWS_MAX
    assert "id0000" in text
    assert "and 3,980 more" in text


def test_leases_with_running_statements_come_first() -> None:
    busy: dict[str, object] = {"id": "busy", "idle_s": 999.0, "running": 1}

    text = shown(a_report(leases=[*some_leases(150), busy]))

    assert "busy" in text


def test_a_port_is_a_number_as_it_is_and_counts_and_times_are_for_reading() -> None:
    lease: dict[str, object] = {"id": "a", "age_s": 7_300.0, "idle_s": 61.0, "rows": 1_234_567}

    text = shown(a_report(leases=[lease], connections=[{"name": "demo", "port": 5432}]))

    assert "5432" in text
    assert "2 h" in text
    assert "61 s" in text
    assert "1,234,567" in text


def test_the_health_of_a_connection_says_when_it_is_tried_again() -> None:
    health = {"state": "unreachable", "since_s": 9.0, "next_try_s": 4.0}
    demo = {"name": "demo", "access": "read-only", "health": health}

    assert "unreachable, next try in 4 s" in shown(a_report(connections=[demo]))


def test_a_router_that_did_not_answer_is_said_so() -> None:
    text = shown(a_report(requests=None, logins={"running": 1, "waiting": 2}))

    assert "the router did not answer in time" in text
    assert "logins: waiting" in text
