"""What a result from MySQL or MariaDB costs an executor, beside PyMySQL's own reading of it.

    .venv/bin/python -m bench.mysql

Starts a MariaDB of its own. Both sides run the same statement in a read-only transaction and make
the JSON of its rows. CPU time, and trust the ratios, not the absolute figures; where the machine
has other work, the lowest of many rounds says most.
"""

import argparse
import secrets
import statistics
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import pymysql

from executor.borrowing import Borrowed
from executor.mysql.adoption import adopt
from executor.mysql.cleaning import finish_reset, prepare_new
from executor.mysql.lent import MysqlConnection
from executor.mysql.results import ResultText
from executor.mysql.runner import StatementRun
from executor.rows import row_maker
from executor.waiting import Bell, Patience
from tests.harness.certificates import Certificates
from tests.harness.mariadb import NAME, MariadbServer
from tests.harness.server_programs import programs_of
from tests.unit.executor.mysql_login import MysqlLogin
from wire.names import Handle

if TYPE_CHECKING:
    from pymysql.connections import Connection
    from pymysql.cursors import Cursor

HOUR_S = 3600
ROWS = 100_000
TABLE = """
    create table t (
        n int primary key, name varchar(40), price decimal(12, 2), even tinyint(1), at datetime
    )
"""
FILL = """
    insert into t
    select seq, concat('name ', seq), seq * 1.5, seq % 2 = 0, now() from seq_1_to_100000
"""
CASES = (
    ("SELECT 1", "select 1", 300),
    ("1,000 x 5", "select * from t limit 1000", 20),
    ("100,000 x 5", "select * from t", 1),
)

encode = msgspec.json.Encoder().encode


def adopted(login: MysqlLogin) -> MysqlConnection:
    """Return a connection as an executor has it."""
    connection, session = login.log_in()
    borrowed = Borrowed(Handle("bench"), session, connection.detach())
    patience = Patience(time.monotonic() + HOUR_S)
    made = adopt(borrowed, patience=patience, on_close=lambda: None)
    prepare_new(made, read_only=True, statement_ms=HOUR_S * 1000)
    if not finish_reset(made):
        raise RuntimeError("the connection is not clean")
    return made


def ours(connection: MysqlConnection, bell: Bell, sql: str) -> None:
    """Run a statement as an executor does."""
    connection.patience = Patience(time.monotonic() + HOUR_S, bell)
    text = ResultText(connection.session.collation, rows_max=ROWS, max_bytes=1 << 30)
    outcome = StatementRun(
        connection,
        text,
        read_only=True,
        wire_max_bytes=1 << 30,
        interrupt=lambda: None,
    ).run(sql.encode())
    if outcome.fault is not None:
        raise RuntimeError(outcome.fault.message)


def direct(server: MariadbServer, user: str, password: str) -> "Connection[Cursor]":
    """Return a connection of PyMySQL's own, without TLS as the other one is."""
    return pymysql.connect(
        host=server.host,
        port=server.port,
        user=user,
        password=password.encode(),
        database=user,
        charset="utf8mb4",
        ssl_disabled=True,
    )


def pymysqls(connection: "Connection[Cursor]", sql: str) -> None:
    """Run it by PyMySQL, and write its rows without a look at their types."""
    with connection.cursor() as cursor:
        cursor.execute("start transaction read only")
        cursor.execute(sql)
        make = row_maker(tuple(column[0] for column in cursor.description or ()))
        encode([make(*row) for row in cursor.fetchall()])


def cpu_us(act: Callable[[], None], times: int) -> float:
    """Return the CPU time of this process for one *act*, in microseconds."""
    began = time.process_time()
    for _ in range(times):
        act()
    return (time.process_time() - began) / times * 1e6


def compare(label: str, *, driver: list[float], executor: list[float]) -> None:
    """Print what both took, measured by turns."""
    for word, of in (("best", min), ("median", statistics.median)):
        theirs, its = of(driver), of(executor)
        print(f"{label:12}{word:8}{theirs:>11,.0f} us{its:>11,.0f} us   x {its / theirs:.2f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=9)
    rounds = parser.parse_args().rounds
    programs = programs_of(NAME)
    if programs is None:
        raise SystemExit(f"{NAME} is not on this machine; scripts/server_packages.py says why")
    password = secrets.token_urlsafe(18)
    with (
        tempfile.TemporaryDirectory() as directory,
        MariadbServer(programs, Certificates(Path(directory))) as server,
    ):
        server.create_user("bench", password)
        server.create_database("bench", "bench")
        login = MysqlLogin(server, "bench", password)
        login.sql(TABLE)
        login.sql(FILL)
        lent, bell = adopted(login), Bell()
        driver = direct(server, "bench", password)
        print(f"{'':20}{'PyMySQL':>14}{'executor':>14}")
        for label, sql, times in CASES:
            acts = (partial(pymysqls, driver, sql), partial(ours, lent, bell, sql))
            taken = [[cpu_us(act, times) for act in acts] for _ in range(rounds)]
            theirs, its = map(list, zip(*taken, strict=True))
            compare(label, driver=theirs, executor=its)


if __name__ == "__main__":
    main()
