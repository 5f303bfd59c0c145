import os
import socket

import pytest

from executor import stopping
from executor.postgresql.failures import WORDS_MAX_BYTES
from executor.postgresql.meter import Meter
from tests.unit.executor.standin_vault import Login, StandInVault
from tests.unit.executor.statement_bench import LIMITS, StatementBench, a_pool, fault, rows
from wire.lending import Returned

READ_ONLY = a_pool("read-only")


def count(login: Login, table: str) -> object:
    return login.server.admin_sql(f"select count(*) from {table}")[0][0]


def test_a_write_whose_rows_are_too_many_to_show_is_still_committed_and_says_so(
    bench: StatementBench, login: Login, own_table: str
) -> None:
    many = LIMITS["rows_max"] + 500

    answer = bench.ask(f"insert into {own_table} select generate_series(1, {many}) returning n")

    assert (answer["row_count"], answer["truncated"]) == (LIMITS["rows_max"], True)
    assert count(login, own_table) == many


def test_a_write_whose_result_is_too_large_says_whether_it_has_run(
    bench: StatementBench, login: Login, own_table: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A busy machine may take longer to cancel than a client should wait.
    monkeypatch.setattr(stopping, "INTERRUPT_S", 30.0)
    large = f"insert into {own_table} select n from generate_series(1, :rows) n "

    answer = bench.ask(large + "returning n, repeat('x', 1000000)", rows="200")

    assert fault(answer)["code"] == "result_too_large"
    has_run = {0: False, 200: True}[int(str(count(login, own_table)))]
    assert fault(answer)["may_have_run"] is has_run
    assert has_run is ("do not send it again" in str(fault(answer)["hint"]))


def test_a_write_that_goes_on_and_on_after_its_cancel_is_not_waited_for(
    bench: StatementBench, own_table: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stopping, "STOPPING_MAX_BYTES", 0)
    large = f"insert into {own_table} select n from generate_series(1, 200) n "

    answer = bench.ask(large + "returning n, repeat('x', 1000000)")

    assert (fault(answer)["code"], fault(answer)["may_have_run"]) == ("outcome_unknown", True)


def test_a_row_larger_than_any_result_may_be_is_a_fault(bench: StatementBench) -> None:
    answer = bench.ask("select repeat('x', 100000000)", pool=READ_ONLY)

    assert fault(answer)["code"] == "result_too_large"
    assert rows(bench.ask("select 1 as n", pool=READ_ONLY)) == [{"n": 1}]


def test_a_message_longer_than_anybody_reads_is_cut(bench: StatementBench) -> None:
    raising = "do $$ begin raise exception '%', repeat('x', 100000000); end $$"

    answer = bench.ask(raising)

    assert fault(answer)["code"] == "statement_failed"
    assert answer["error"] == "x" * WORDS_MAX_BYTES + "…"


def test_an_endless_read_is_cut_and_its_connection_closed(
    bench: StatementBench, vault: StandInVault
) -> None:
    answer = bench.ask("select generate_series(1, 1000000000) as n", pool=READ_ONLY)

    assert (answer["row_count"], answer["truncated"]) == (LIMITS["rows_max"], True)
    assert vault.next_of(Returned).handles == tuple(vault.lent)


def test_a_meter_counts_what_was_taken_and_not_what_waits() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.create_connection(server.getsockname()) as client,
    ):
        other, _ = server.accept()
        with other:
            other.sendall(b"before")
            client.recv(6, socket.MSG_WAITALL)
            meter = Meter(client.fileno())
            other.sendall(b"x" * 5000)
            client.recv(1000, socket.MSG_WAITALL)

            assert meter.exceeds(999)
            assert not meter.exceeds(1000)
            os.fstat(client.fileno())


def test_a_meter_counts_what_was_taken_from_a_relay_whichever_meter_came_first() -> None:
    relay, client = socket.socketpair()
    with relay, client:
        first = Meter(client.fileno())
        relay.sendall(b"x" * 5000)
        client.recv(1000, socket.MSG_WAITALL)
        second = Meter(client.fileno())
        client.recv(500, socket.MSG_WAITALL)

        assert (first.exceeds(1499), first.exceeds(1500)) == (True, False)
        assert (second.exceeds(499), second.exceeds(500)) == (True, False)


def test_a_socket_that_cannot_be_metered_exceeds_nothing() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        one.bind(("127.0.0.1", 0))
        meter = Meter(one.fileno())
        one.sendto(b"xx", one.getsockname())
        one.recv(2)

        assert not meter.exceeds(1)
