"""What a status report says, and how it is shown."""

from collections.abc import Iterable
from io import StringIO

import msgspec
import pytest
from rich.console import Console, RenderableType

from console.status_tables import ROWS_MAX, tables, watched
from console.system import ProcessStatus, read_status


def a_report(**changes: object) -> bytes:
    process = {"role": "vault", "name": "vault-1", "pid": 7, "state": "running"}
    report = {
        "processes": [{**process, "uptime_s": 1.5, "restarts": 2}],
        "connections": [{"name": "demo", "access": "read-only"}],
        "leases": [],
        "leases_total": None,
        "loans": [],
        "pools": [],
        "pools_total": None,
        "requests": {},
        "executors": [],
        "logins": {},
        "limits": {},
        "url": "http://127.0.0.1:1/mcp",
        "run_dir": "/run/x",
        "version": "1",
        "configuration": "/etc/strongroom.json",
        "log": None,
    }
    return msgspec.json.encode({**report, **changes})


def shown(report: bytes, *, width: int = 120) -> str:
    return drawn(tables(read_status(report), width=width), width=width)


def drawn(parts: Iterable[RenderableType], *, width: int) -> str:
    console = Console(width=width, file=StringIO())
    with console.capture() as capture:
        for part in parts:
            console.print(part)
    return capture.get()


def test_a_report_is_read() -> None:
    status = read_status(a_report())

    assert status.processes == [
        ProcessStatus(
            role="vault", name="vault-1", pid=7, state="running", uptime_s=1.5, restarts=2
        )
    ]
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
    assert "and 3,980 more; --json has 150" in text


def test_of_connections_that_no_table_has_room_for_the_json_has_all() -> None:
    connections = [{"name": f"db{n:04}"} for n in range(ROWS_MAX + 23)]

    assert "and 23 more; --json has all" in shown(a_report(connections=connections))


@pytest.mark.parametrize("width", [120, 80, 60])
def test_how_a_connection_is_encrypted_is_in_its_row(width: int) -> None:
    place = {"type": "postgresql", "host": "db.example.com", "port": 5432, "database": "orders"}
    over = {"name": "over", **place, "access": "read-only", "tls": {"mode": "verify-full"}}
    bare = {"name": "bare", **place, "access": "read-only", "tls": None}
    file = {"name": "file", "type": "sqlite", "access": "read-only"}

    text = shown(a_report(connections=[over, bare, file]), width=width)

    rows = {one: next(row for row in text.splitlines() if one in row) for one in ("over", "bare")}
    assert "verify-full" in rows["over"]
    assert "none" in rows["bare"]
    assert text.count("none") == 1


def test_lent_connections_that_were_left_out_of_the_report_are_counted() -> None:
    pools: list[dict[str, object]] = [{"connection": "demo", "lent": 1}] * 150

    assert "and 1,980 more" in shown(a_report(pools=pools, pools_total=2_000))


A_LEASE: dict[str, object] = {
    "id": "5f0c2a9d",
    "connection": "bookshop-of-the-east",
    "principal": "principal-of-a-long-name",
    "access": "read-write",
    "age_s": 7_300.0,
    "idle_s": 61.0,
    "expires_in_s": 90_000.0,
    "statements": 1_234_567,
    "rows": 123_456_789,
    "bytes": 123_456_789_012,
    "errors": 7,
    "running": 3,
    "waiting": 0,
}


@pytest.mark.parametrize("width", [80, 46])
def test_a_narrow_terminal_has_fewer_columns_and_each_can_be_read(width: int) -> None:
    text = shown(a_report(leases=[A_LEASE]), width=width)

    leases = text[text.index(" leases ") : text.index("no lent connections")]
    assert all(word in leases for word in ("5f0c2a9d", "connection", "idle", "61 s", "running"))
    assert "bookshop-of" in leases
    assert max(map(len, text.splitlines())) <= width
    assert "vault-1" in text
    assert "running" in text
    assert "\u2026" not in text


def test_what_is_empty_is_a_line_and_no_box() -> None:
    text = shown(a_report(connections=[]))

    for title in ("connections", "leases", "lent connections", "executors", "limits"):
        assert f"no {title}\n" in text
    assert "nothing in flight\n" in text


@pytest.mark.parametrize("width", [80, 46])
def test_a_low_screen_has_the_leases_and_lent_connections(width: int) -> None:
    pool: dict[str, object] = {"connection": "demo", "lent": 3}
    report = a_report(leases=[A_LEASE] * 150, leases_total=150, pools=[pool], limits={"most": 1})

    text = drawn(watched(read_status(report), width=width, height=24), width=width)

    seen = "\n".join(text.splitlines()[:23])
    assert "and 144 more" in seen
    assert "lent connections" in seen
    assert "limits" not in text


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
