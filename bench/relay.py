"""What the relay of an encrypted connection costs, beside libpq's own TLS in the same run.

    .venv/bin/python -m bench.relay

Starts a PostgreSQL 15 with TLS and a login server of its own; both connections are libpq's, driven
the same way. Trust the differences and ratios, not the absolute figures; where the machine has
other work, also not these: the lowest of many rounds then says most.
"""

import argparse
import secrets
import statistics
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from psycopg import pq
from psycopg.pq.abc import PGconn

from executor.borrowing import Borrowed
from executor.postgresql.adoption import Adopter
from executor.postgresql.lent import LentConnection
from executor.waiting import Patience
from tests.harness.certificates import Certificates
from tests.harness.login_desk import Desk
from tests.harness.postgres_debian import PostgresTlsServer
from tests.harness.sessions import Session, take_handover
from wire.lending import OpenSession, Target, Tls
from wire.names import Handle
from wire.packets import socket_pair

LARGE = b"select repeat('x', 1000) from generate_series(1, 20000)"
LARGE_MB = 20.0
ROUND_S = 0.25


def lent(desk: Desk, target: Target, password: str, directory: Path) -> LentConnection:
    """Return a connection that was logged in, encrypted and relayed, as an executor has it."""
    ours, theirs = socket_pair()
    handle = Handle(secrets.token_hex(8))
    with ours, theirs:
        desk.submit(OpenSession(target=target, handle=handle, deadline_ms=10_000), password, theirs)
        desk.outcome()
        session = take_handover(ours)
        if not isinstance(session, Session):
            raise TypeError("no session was handed over")
    desk.outcome()
    borrowed = Borrowed(handle, session.message.session, session.socket.detach())
    patience = Patience(time.monotonic() + 3600)
    return Adopter(directory).adopt(borrowed, patience=patience, on_close=lambda: None)


def latency_us(connection: PGconn) -> float:
    """Return the median time of one statement, in microseconds."""
    taken: list[float] = []
    until = time.perf_counter() + ROUND_S
    while (began := time.perf_counter()) < until:
        connection.exec_(b"select 1")
        taken.append(time.perf_counter() - began)
    return statistics.median(taken) * 1e6


def mb_per_s(connection: PGconn) -> float:
    """Return how fast one large result comes."""
    began = time.perf_counter()
    result = connection.exec_(LARGE)
    if result.status != pq.ExecStatus.TUPLES_OK:
        raise RuntimeError("the large result did not come")
    return LARGE_MB / (time.perf_counter() - began)


def compare(direct: PGconn, relayed: PGconn, rounds: int) -> None:
    """Print both, measured by turns."""
    slow = [(latency_us(direct), latency_us(relayed)) for _ in range(rounds)]
    fast = [(mb_per_s(direct), mb_per_s(relayed)) for _ in range(rounds)]
    print(f"{'':18}{'direct TLS':>14}{'relay':>12}")
    show_latency("median", *map(statistics.median, zip(*slow, strict=True)))
    show_latency("best", *map(min, zip(*slow, strict=True)))
    show_throughput("median", *map(statistics.median, zip(*fast, strict=True)))
    show_throughput("best", *map(max, zip(*fast, strict=True)))


def show_latency(word: str, alone: float, by_relay: float) -> None:
    print(
        f"{'SELECT 1':10}{word:8}{alone:>11.1f} us{by_relay:>9.1f} us   {by_relay - alone:+.1f} us"
    )


def show_throughput(word: str, alone: float, by_relay: float) -> None:
    print(f"{'20 MB':10}{word:8}{alone:>9.0f} MB/s{by_relay:>7.0f} MB/s   x {by_relay / alone:.2f}")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=20)
    rounds = parser.parse_args().rounds
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        certificates = Certificates(directory)
        server = stack.enter_context(PostgresTlsServer(certificates))
        password = secrets.token_urlsafe(16)
        server.create_role("bench", password)
        desk = stack.enter_context(Desk())
        tls = Tls(mode="verify-full", roots=str(certificates.roots))
        target = Target(
            engine="postgresql",
            host=server.host,
            port=server.port,
            database="postgres",
            user="bench",
            tls=tls,
        )
        relayed = lent(desk, target, password, directory)
        direct = server.connect("bench", password, "postgres")
        compare(direct.pgconn, relayed.pgconn, rounds)


if __name__ == "__main__":
    main()
