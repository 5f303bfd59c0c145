"""What one use of a session can leave behind for the next, on each engine."""

from typing import Final

POSTGRESQL: Final[dict[str, tuple[str, str]]] = {
    "search path": ("set search_path to nowhere", "show search_path"),
    "time zone": ("set time zone 'Asia/Tokyo'", "show time zone"),
    "time limit": ("set statement_timeout = 1", "select 1 as n from pg_sleep(0.01)"),
    "isolation level": (
        "set default_transaction_isolation = serializable",
        "show transaction_isolation",
    ),
    "read-only": ("set default_transaction_read_only = on", "show transaction_read_only"),
    "role": ("set role pg_monitor", "select current_user::text = session_user::text as same"),
    "setting of one's own": (
        "select set_config('my.x', 'left', false)",
        "select nullif(current_setting('my.x', true), '') as x",
    ),
    "temporary table": (
        "create temporary table left_over (n int)",
        "select to_regclass('left_over') as found",
    ),
    "prepared statement": (
        "prepare left_over as select 1",
        "select count(*)::int as n from pg_prepared_statements",
    ),
    "cursor": (
        "declare left_over cursor with hold for select 1",
        "select count(*)::int as n from pg_cursors where name = 'left_over'",
    ),
    "advisory lock": (
        "select pg_advisory_lock(4711)",
        "select count(*)::int as n from pg_locks where locktype = 'advisory'",
    ),
    "listening": (
        "do $$ begin execute 'listen left_over'; end $$",
        "select pg_listening_channels() as channel",
    ),
    "last number of a sequence": ("select nextval('numbers')", "select lastval()"),
    "how values are written": ("set bytea_output = escape", "select '\\x00'::bytea as b"),
}
"""Each with a statement that leaves it, and one that would show it."""

MYSQL: Final[dict[str, tuple[str, str]]] = {
    "user variable": ("set @mine = 'left'", "select @mine as x"),
    "modes": ("set session sql_mode = 'ansi_quotes,pipes_as_concat'", "select @@sql_mode as x"),
    "time zone": ("set time_zone = '+05:45'", "select @@time_zone as x"),
    "clock": ("set timestamp = 1", "select unix_timestamp() > 1000000 as x"),
    "isolation level": ("call isolates()", "show session variables like '%isolation'"),
    "read-only": ("call only_reads()", "insert into numbers (n) values (null)"),
    "autocommit": ("call keeps_open()", "select @@autocommit as x"),
    "role": ("set role {role}", "select current_role() as x"),
    "temporary table": ("create temporary table left_over (n int)", "select n from left_over"),
    "prepared statement": ("prepare left_over from 'select 1'", "execute left_over"),
    "lock": ("select get_lock('left_over', 0)", "select is_used_lock('left_over') as x"),
    "database": ("use information_schema", "select database() as x"),
    "last id": ("insert into numbers (n) values (null)", "select last_insert_id() as x"),
    "next id": ("set insert_id = 4711", "select @@insert_id as x"),
    "rows found": ("select 1 as n union select 2 union select 3", "select found_rows() as x"),
    "rows changed": ("delete from numbers", "select row_count() as x"),
    "warnings": ("select cast('x' as signed) as n", "show warnings"),
    "character set": ("set names latin1", "select @@character_set_client as x"),
    "checks": ("set foreign_key_checks = 0", "select @@foreign_key_checks as x"),
    "limit": ("set session sql_select_limit = 1", "select @@sql_select_limit as x"),
    "open table": ("handler numbers open as left_over", "handler left_over read first"),
}
"""The same; what the guard refuses is left by a procedure, to which it is blind."""

POSTGRESQL_FIRST: Final = ("create sequence numbers",)
MYSQL_FIRST: Final = (
    "create table numbers (n int primary key auto_increment)",
    "create procedure isolates() set session transaction isolation level serializable",
    "create procedure only_reads() set session transaction read only",
    "create procedure keeps_open() set autocommit = 0",
)
"""What has to be there for it."""
