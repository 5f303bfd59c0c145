import gc
import time

import pytest

from executor.postgresql import cleaning, lent
from executor.postgresql.pipeline import Command, Pipeline
from executor.waiting import Patience
from tests.unit.executor.standin_vault import Login, StandInVault
from tests.unit.executor.statement_bench import StatementBench, a_pool, fault, rows
from wire.lending import Returned

LATIN1 = "set_config('client_encoding', 'LATIN1', false)"


@pytest.mark.parametrize(
    ("change", "look", "expected"),
    [
        ("set search_path = nowhere", "show search_path", '"$user", public'),
        ("set role pg_monitor", "select current_user = session_user as s", True),
        ("create temp table left_over ()", "select to_regclass('left_over') as r", None),
        ("prepare p as select 1", "select count(*)::int as c from pg_prepared_statements", 0),
        (
            "select pg_advisory_lock(42)",
            "select count(*)::int as c from pg_locks where locktype = 'advisory'",
            0,
        ),
        ("set statement_timeout = 1", "select 1 as n from pg_sleep(0.05)", 1),
        (
            "declare c cursor with hold for select 1",
            "select count(*)::int as c from pg_cursors where name = 'c'",
            0,
        ),
        ("select set_config('my.x', 'left', false)", "select current_setting('my.x', true) x", ""),
    ],
)
@pytest.mark.parametrize("access", ["read-only", "read-write"])
def test_nothing_of_one_use_shows_in_the_next(
    bench: StatementBench, login: Login, access: str, change: str, look: str, expected: object
) -> None:
    login.server.admin_sql(f"grant pg_monitor to {login.user}")
    pool = a_pool("read-only" if access == "read-only" else "read-write")

    first = bench.ask("select pg_backend_pid() as pid", pool=pool)
    bench.ask(change, pool=pool)
    answer = bench.ask(look, pool=pool)
    last = bench.ask("select pg_backend_pid() as pid", pool=pool)

    (row,) = rows(answer)
    (value,) = row.values()
    assert value in (expected, None) if expected == "" else value == expected
    assert rows(first) == rows(last)


def test_the_seed_of_random_is_not_the_next_ones(bench: StatementBench) -> None:
    drawn = []

    for _ in range(2):
        bench.ask("select setseed(0.5)")
        drawn.append(rows(bench.ask("select random() as r, pg_backend_pid() as pid"))[0])

    assert drawn[0]["pid"] == drawn[1]["pid"]
    assert drawn[0]["r"] != drawn[1]["r"]


@pytest.mark.parametrize("access", ["read-only", "read-write"])
def test_a_result_that_cannot_be_written_down_leaves_nothing_for_the_next(
    bench: StatementBench, login: Login, access: str
) -> None:
    name = f"{login.user}.poison_{access.replace('-', '_')}"
    bench.ask(
        f"create function {name}() returns json language plpgsql as $$ begin "
        "perform set_config('my.x', 'left', false), pg_advisory_lock(43); "
        f"perform {LATIN1}; return ('{{\"a\":\"' || chr(233) || '\"}}')::json; end $$"
    )
    pool = a_pool("read-only" if access == "read-only" else "read-write")

    poisoned = bench.ask(f"select {name}() as v", pool=pool)
    answer = bench.ask("select current_setting('my.x', true) as x, 'é' as e", pool=pool)

    assert fault(poisoned)["code"] == "statement_failed"
    assert rows(answer) == [{"x": None, "e": "é"}]
    assert not login.server.admin_sql("select 1 from pg_locks where locktype = 'advisory'")


def test_a_statement_that_changes_the_encoding_has_no_result_and_costs_the_connection(
    bench: StatementBench, vault: StandInVault
) -> None:
    # In LATIN1 these are the bytes of "é" in UTF-8.
    answer = bench.ask(f"select {LATIN1}, 'Ã©' as v from generate_series(1, 2)")

    assert fault(answer)["code"] == "statement_failed"
    assert fault(answer)["may_have_run"] is True
    assert "client_encoding" in str(answer["error"])
    assert rows(bench.ask("select 'é' as v")) == [{"v": "é"}]
    assert len(vault.lent) == 2


def test_a_connection_that_nobody_gave_back_is_closed_and_not_handed_out(
    bench: StatementBench, vault: StandInVault
) -> None:
    patience = Patience(time.monotonic() + 10)
    checkout = bench.executions.postgresql.engines.check_out(a_pool(), b"a grant", patience)
    pipeline = Pipeline(checkout.connection, checkout.connection.wait_for)
    pipeline.send([Command(b"create temp table left_over ()")])
    list(pipeline.results())
    pipeline.end_group()

    del checkout, pipeline
    gc.collect()

    assert vault.next_of(Returned).handles == tuple(vault.lent)
    assert rows(bench.ask("select to_regclass('left_over') as r")) == [{"r": None}]


def test_a_connection_that_has_taken_very_much_is_not_used_again(
    bench: StatementBench, vault: StandInVault, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lent, "LIFETIME_MAX_BYTES", 500_000)

    for _ in range(4):
        assert bench.ask("select repeat('x', 200000) as x")["success"]

    assert len(vault.lent) == 2


@pytest.mark.parametrize(
    ("setting", "query", "expected"),
    [
        ("standard_conforming_strings = off", "select 'a\\' || :x as v", "a\\é"),
        ("array_nulls = off", "select ('{NULL}'::text[])[1] is null as v where :x <> ''", True),
        ("bytea_output = escape", "select :x::text::bytea as v", "\\xc3a9"),
        ("extra_float_digits = -3", "select 0.1::float8 + 0.2 as v where :x <> ''", 0.1 + 0.2),
        ("DateStyle = 'SQL, DMY'", "select date '2026-02-03' as v where :x <> ''", "2026-02-03"),
        ("IntervalStyle = 'sql_standard'", "select interval '1 d' as v where :x <> ''", "1 day"),
    ],
)
def test_a_roles_own_settings_do_not_change_how_values_are_written_and_read(
    bench: StatementBench, login: Login, setting: str, query: str, expected: object
) -> None:
    name = setting.partition(" ")[0]
    login.server.admin_sql(f"alter role {login.user} set {setting}")

    first = bench.ask(query, x="é")
    bench.ask(f"set {setting}")
    again = bench.ask(query, x="é")
    login.server.admin_sql(f"alter role {login.user} reset {name}")

    assert rows(first) == rows(again) == [{"v": expected}]


def test_a_session_whose_leavings_were_discarded_elsewhere_is_not_handed_out(
    bench: StatementBench, vault: StandInVault, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As by way of a pooler that gives this command another session than the rest of the reset.
    monkeypatch.setattr(cleaning, "_DISCARD", Command(b"SET application_name TO elsewhere"))
    bench.ask("set search_path to nowhere")

    answer = bench.ask("show search_path")

    assert rows(answer) == [{"search_path": '"$user", public'}]
    assert len(vault.lent) == 2
