"""The two things that hold a read-only lease, each alone, on a real server."""

from collections.abc import Iterator

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from executor import guard
from executor.dialects import POSTGRESQL
from executor.guard_names import POSTGRESQL_FUNCTIONS
from executor.postgresql import runner
from executor.postgresql.pipeline import Command
from executor.postgresql.transaction import RunStage, opening
from tests.harness.postgres import PostgresServer
from tests.unit.executor.honest_reads import HONEST, PLACE
from tests.unit.executor.read_only_attacks import OTHERS, STANDING, UNDONE, WRITES
from tests.unit.executor.standin_vault import Login
from tests.unit.executor.statement_bench import StatementBench, a_pool, fault, rows

READ_ONLY = a_pool("read-only")
FINGERPRINT = """
    select (select json_agg(t)::text from {user}.t), (select last_value from {user}.seq),
        (select count(*) from pg_class), (select count(*) from pg_largeobject_metadata),
        (select relacl::text from pg_class where oid = '{user}.t'::regclass),
        (select description from pg_description where objoid = '{user}.t'::regclass)
"""

HARMLESS_FUNCTIONS = """
    amvalidate array_sample array_shuffle clock_timestamp current_query currtid2 currval
    dsnowball_init dsnowball_lexize gen_random_uuid lastval lo_close lo_get lo_lseek lo_lseek64
    lo_tell lo_tell64 loread pg_available_wal_summaries pg_blocking_pids
    pg_collation_actual_version pg_control_checkpoint pg_control_init pg_control_recovery
    pg_control_system pg_current_logfile pg_current_wal_flush_lsn pg_current_wal_insert_lsn
    pg_current_wal_lsn pg_database_collation_actual_version pg_database_size
    pg_extension_config_dump pg_get_aios pg_get_backend_memory_contexts pg_get_loaded_modules
    pg_get_multixact_members pg_get_sequence_data pg_get_shmem_allocations
    pg_get_shmem_allocations_numa pg_get_wait_events pg_get_wal_replay_pause_state
    pg_get_wal_resource_managers pg_get_wal_summarizer_state pg_hba_file_rules
    pg_ident_file_mappings pg_indexes_size pg_is_in_recovery pg_is_wal_replay_paused
    pg_isolation_test_session_is_blocked pg_jit_available pg_last_committed_xact
    pg_last_wal_receive_lsn pg_last_wal_replay_lsn pg_last_xact_replay_timestamp pg_lock_status
    pg_ls_archive_statusdir pg_ls_logdir pg_ls_logicalmapdir pg_ls_logicalsnapdir
    pg_ls_replslotdir pg_ls_summariesdir pg_ls_tmpdir pg_ls_waldir pg_notification_queue_usage
    pg_partition_ancestors pg_partition_tree pg_prepared_xact pg_relation_size
    pg_replication_origin_progress pg_replication_origin_session_is_setup
    pg_replication_origin_session_progress pg_safe_snapshot_blocking_pids
    pg_sequence_last_value pg_show_all_file_settings pg_show_replication_origin_status pg_sleep
    pg_sleep_for pg_sleep_until pg_stat_clear_snapshot pg_stat_force_next_flush
    pg_stat_have_stats pg_table_size pg_tablespace_size pg_total_relation_size
    pg_wal_summary_contents pg_xact_commit_timestamp pg_xact_commit_timestamp_origin
    pg_xact_status plpgsql_validator random random_normal setseed timeofday txid_status uuidv4
    uuidv7
    dblink_build_sql_delete dblink_build_sql_insert dblink_build_sql_update dblink_current_query
    dblink_error_message dblink_fdw_validator dblink_get_connections dblink_get_notify
    dblink_get_pkey dblink_is_busy normal_rand postgres_fdw_get_connections
    postgres_fdw_validator pg_prewarm pg_buffercache_numa_pages pg_buffercache_pages
    pg_buffercache_summary pg_buffercache_usage_counts pg_stat_statements
    pg_stat_statements_info set_limit pg_check_frozen pg_check_visible pg_visibility
    pg_visibility_map pg_visibility_map_summary
"""
"""Volatile, and reading all the same; or sleeping, or forgotten with the session."""

EXTENSIONS = (
    *["dblink", "postgres_fdw", "tablefunc", "lo", "isn", "pg_trgm", "pg_prewarm", "pg_surgery"],
    *["pg_buffercache", "pg_stat_statements", "pg_visibility"],
)


@pytest.fixture(scope="module")
def place(login: Login) -> Iterator[psycopg.Connection]:
    """The role's own connection, read-write, to where both lists have what they use."""
    with login.server.connect(login.user, login._password, "postgres") as connection:
        for statement in (*STANDING, *PLACE):
            connection.execute(statement.encode())
        yield connection


def fingerprint(login: Login) -> list[tuple[object, ...]]:
    return login.server.admin_sql(FINGERPRINT.format(user=login.user))


def writes(connection: psycopg.Connection, statement: str) -> bool:
    """Run *statement*, read-write and with nothing in front, take it back; did it write?"""
    last_value = b"select last_value, is_called from seq"
    before = connection.execute(last_value).fetchall()
    with connection.transaction(force_rollback=True):
        connection.execute(statement.encode(), prepare=False)
        assigned = connection.execute(b"select pg_current_xact_id_if_assigned()").fetchone()
    return assigned != (None,) or connection.execute(last_value).fetchall() != before


def open_for_writing(
    *, read_only: bool, left_s: float, checks_client: bool, mark: bytes
) -> dict[RunStage, Command]:
    assert read_only
    return opening(read_only=False, left_s=left_s, checks_client=checks_client, mark=mark)


def test_with_nothing_in_front_each_of_them_writes(place: psycopg.Connection) -> None:
    assert [sql for sql in (*WRITES, *UNDONE) if not writes(place, sql)] == []


@pytest.mark.usefixtures("place", "no_guard")
def test_without_the_guard_the_transaction_holds_a_read_only_lease(
    bench: StatementBench, login: Login
) -> None:
    before = fingerprint(login)

    faults = {sql: fault(bench.ask(sql, pool=READ_ONLY)).get("sqlstate") for sql in WRITES}
    done = [bench.ask(sql, pool=READ_ONLY)["success"] for sql in UNDONE]

    assert {sql: state for sql, state in faults.items() if state != "25006"} == {}
    assert done == [True, True]
    assert fingerprint(login) == before


@pytest.mark.usefixtures("place")
def test_without_the_transaction_the_guard_holds_a_read_only_lease(
    bench: StatementBench, login: Login, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "opening", open_for_writing)
    before, attacks = fingerprint(login), (*WRITES, *UNDONE, *OTHERS)

    codes = {sql: fault(bench.ask(sql, pool=READ_ONLY))["code"] for sql in attacks}

    assert {sql: code for sql, code in codes.items() if code != "read_only"} == {}
    assert fingerprint(login) == before


@pytest.mark.usefixtures("place")
def test_a_function_of_a_users_own_is_held_by_the_transaction_alone(
    bench: StatementBench, login: Login
) -> None:
    before = fingerprint(login)

    answer = bench.ask("select writes()", pool=READ_ONLY)

    assert fault(answer)["sqlstate"] == "25006"
    assert fingerprint(login) == before


@pytest.mark.usefixtures("place")
def test_literals_are_read_as_the_guard_reads_them_whatever_the_role_has_set(
    bench: StatementBench, login: Login
) -> None:
    login.server.admin_sql(f"alter role {login.user} set standard_conforming_strings = off")

    answer = bench.ask(r"select 'a\' as a, ' into fresh --' as b", pool=READ_ONLY)

    login.server.admin_sql(f"alter role {login.user} reset standard_conforming_strings")
    assert rows(answer) == [{"a": "a\\", "b": " into fresh --"}]


@pytest.mark.usefixtures("place")
def test_every_honest_query_runs_on_a_read_only_lease(bench: StatementBench) -> None:
    answers = {
        sql: bench.ask(sql, pool=READ_ONLY, **({"n": 1, "update": 2} if ":update" in sql else {}))
        for sql in HONEST
    }

    assert {sql: answer for sql, answer in answers.items() if not answer["success"]} == {}


a_name = st.sampled_from(
    [*["n", "update", "delete", "set", "share", "key", "insert", "merge"], '"into"', '"update"']
)
a_value = st.one_of(
    a_name,
    st.sampled_from(["1", "'into t'", "t.update", "t.delete", "$$;$$", "1."]),
    st.sampled_from(["nextval('seq')", "\"nextval\"('seq')", "('seq'::regclass).nextval"]),
    st.builds("coalesce({}, {})".format, a_name, a_name),
    st.builds("({})".format, a_name),
    st.builds("{} + {}".format, a_name, a_name),
)
a_label = st.one_of(st.just(""), a_name.map(" as {}".format), a_name.map(" {}".format))
an_ending = st.sampled_from(
    [*["", " limit 1", " for update", " for share of t", " for no key update", " order by update"]]
)
a_simple_query = st.one_of(
    st.just("table t"),
    st.builds("values ({})".format, st.sampled_from(["1", "'a'"])),
    st.builds(
        "select {}{}{} from t{}{}".format,
        a_value,
        a_label,
        st.sampled_from(["", " into fresh", ", update", ", delete"]),
        st.one_of(st.just(""), st.builds(" where {} = {}".format, a_name, a_name)),
        an_ending,
    ),
)
a_change = st.one_of(
    st.builds("delete from t{}".format, st.sampled_from(["", " as update", " where delete = 3"])),
    st.builds("update t{} set {} = {}".format, a_label, a_name, a_name),
    st.builds("insert into t ({}) values (1)".format, a_name),
)


def with_more(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    a_part = st.one_of(inner, a_change.map("{} returning 1".format))
    recursive = "recursive r as (select 1 as n union all select n from r where false) "
    a_list = st.one_of(
        st.builds("with {} as ({})".format, a_name, a_part),
        st.builds("with a as materialized ({}), {} as ({})".format, a_part, a_name, inner),
        a_name.map(f"with {recursive}search depth first by n set {{}}".format),
        a_name.map(f"with {recursive}cycle n set c using {{}}".format),
    )
    return st.one_of(
        st.builds("{} {}".format, a_list, inner),
        st.builds("{} {}".format, a_list, a_change),
        st.builds("select * from ({}) as update".format, inner),
        st.builds("({})".format, inner),
        st.builds("explain analyze {}".format, inner),
    )


@given(
    st.recursive(a_simple_query, with_more, max_leaves=4),
    st.sampled_from([" ", "\n", "/**/", " /* set */ "]),
)
@settings(
    max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_whatever_writes_on_the_server_is_refused_by_the_guard(
    place: psycopg.Connection, query: str, space: str
) -> None:
    statement = query.replace(" ", space)

    try:
        has_written = writes(place, statement)
    except psycopg.Error:
        has_written = False

    refused = guard.refuse(statement, dialect=POSTGRESQL, read_only=True)
    assert refused is not None or not has_written


def test_every_volatile_function_of_postgresql_is_on_one_list(postgres: PostgresServer) -> None:
    postgres.create_database("functions", postgres.admin_user)
    for extension in EXTENSIONS:
        postgres.admin_sql(f"create extension {extension}", "functions")
    listed = {*POSTGRESQL_FUNCTIONS, *HARMLESS_FUNCTIONS.split()}

    found = postgres.admin_sql(
        "select distinct proname::text from pg_proc where provolatile = 'v' and prokind = 'f' "
        "and prorettype::regtype::text !~ 'trigger|_handler' and prosrc !~ '_inline_handler' "
        "and proname !~ '^(binary_upgrade_|pg_stat_get_)'",
        "functions",
    )

    assert len(found) > 200
    assert {str(row[0]) for row in found} - listed == set()
