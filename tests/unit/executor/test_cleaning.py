import pytest

from tests.unit.executor.standin_vault import Login
from tests.unit.executor.statement_bench import StatementBench, a_pool, rows


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
        ("set client_encoding = LATIN1", "select 'é' as v", "é"),
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
