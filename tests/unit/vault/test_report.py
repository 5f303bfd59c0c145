"""What `strongroom status` may show fits one packet and names nobody's id."""

from tests.unit.vault.making import (
    EXECUTOR,
    a_pool,
    a_state_memory,
    keys,
    the_settings,
)
from vault.health import Health
from vault.loans import LOANS_MAX
from vault.records import Records
from vault.report import SHOWN_MAX, report
from vault.state import Slots
from wire.codec import PACKET_MAX_BYTES, encode
from wire.control import Status
from wire.names import ConnectionId, ConnectionName, Handle, Principal
from wire.status import LoginCounts, VaultReport

HEALTHY = Health(state="healthy", since_s=1.23456)
LOGINS = LoginCounts(running=1, waiting=2)


def records_with(count: int, *, principal: str, connection: str = "main") -> Records:
    settings = the_settings(
        leases_per_principal=10_000,
        connections_per_database=10_000,
        connections_per_principal=10_000,
    )
    records = Records(Slots(a_state_memory(), keys()), settings)
    for number in range(count):
        name = ConnectionName(f"{connection}{number % 1000}")
        pool = a_pool(Principal(principal), name)
        records.leases.open(ConnectionId(f"{number:043}"), pool, now=float(number))
        records.loans.reserve(Handle(f"{number:032x}"), EXECUTOR, pool)
    return records


def reported(records: Records, health: dict[str, Health] | None = None) -> VaultReport:
    named = {ConnectionName(name): its for name, its in (health or {}).items()}
    return report(records, named, LOGINS, now=10_000.0)


def test_a_report_fits_a_packet_however_much_there_is_and_however_long_the_names() -> None:
    records = records_with(LOANS_MAX, principal="\U0001f511" * 200, connection="\U0001f511" * 124)
    health = {f"{number}{'x' * 120}": HEALTHY for number in range(1000)}

    found = reported(records, health)

    assert len(encode(Status(ask=1, report=found))) <= PACKET_MAX_BYTES
    assert min(map(len, (found.leases, found.loans, found.pools, found.health))) >= 20
    assert (found.leases_total, found.loans_total, found.pools_total) == (2_000, 2_000, 1_000)


def test_the_last_used_leases_and_the_newest_loans_are_shown() -> None:
    records = records_with(SHOWN_MAX + 10, principal="token:alice")
    records.leases.use([ConnectionId(f"{3:043}")], now=500.0)

    found = reported(records)

    assert len(found.leases) == len(found.loans) == SHOWN_MAX
    assert [lease.age_s for lease in found.leases[:2]] == [9_997.0, 10_000.0 - (SHOWN_MAX + 9)]
    assert found.loans[0].connection == f"main{SHOWN_MAX + 9}"


def test_no_id_is_shown_that_could_be_used() -> None:
    records = records_with(1, principal="token:alice")

    shown = encode(reported(records))

    assert records.leases.all()[0].connection_id.encode() not in shown
    assert records.loans.all()[0].handle.encode() not in shown


def test_loans_are_counted_by_pool_the_largest_first() -> None:
    records = records_with(3, principal="token:alice")
    records.loans.reserve(Handle("f" * 32), EXECUTOR, a_pool(connection=ConnectionName("main2")))

    found = reported(records)

    assert [(pool.connection, pool.lent) for pool in found.pools][:1] == [("main2", 2)]


def test_trouble_comes_first_and_what_nobody_knows_is_left_out() -> None:
    away = Health(state="unreachable", since_s=3.0, next_try_s=0.44)
    health = {"a": HEALTHY, "b": Health(state="unknown"), "c": away}

    rows = reported(records_with(0, principal="x"), health).health

    assert [(row.connection, row.state, row.next_try_s) for row in rows] == [
        ("c", "unreachable", 0.4),
        ("a", "healthy", None),
    ]
