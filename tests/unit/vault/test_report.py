"""What `strongroom status` may show fits one packet and names nobody's id."""

import msgspec

from tests.unit.vault.making import (
    EXECUTOR,
    a_pool,
    a_state_memory,
    keys,
    the_settings,
)
from vault.loans import LOANS_MAX
from vault.records import Records
from vault.report import SHOWN_MAX, report
from vault.state import Slots
from wire.codec import PACKET_MAX_BYTES, encode
from wire.control import Status
from wire.names import ConnectionId, ConnectionName, Handle, Principal

Rows = dict[str, list[dict[str, object]]]


def records_with(count: int, *, principal: str) -> Records:
    settings = the_settings(
        leases_per_principal=10_000,
        connections_per_database=10_000,
        connections_per_principal=10_000,
    )
    records = Records(Slots(a_state_memory(), keys()), settings)
    pool = a_pool(Principal(principal), ConnectionName("c" * 64))
    for number in range(count):
        records.leases.open(ConnectionId(f"{number:043}"), pool, now=float(number))
        records.loans.reserve(Handle(f"{number:032x}"), EXECUTOR, pool)
    return records


def test_a_report_fits_a_packet_however_much_there_is() -> None:
    records = records_with(LOANS_MAX, principal="ü" * 5_000)

    packet = encode(Status(ask=1, report=msgspec.Raw(report(records, now=3_000.0))))

    assert len(packet) <= PACKET_MAX_BYTES


def test_the_newest_are_shown() -> None:
    records = records_with(SHOWN_MAX + 10, principal="token:alice")

    found = msgspec.msgpack.decode(report(records, now=1_000.0), type=Rows)

    assert len(found["leases"]) == len(found["loans"]) == SHOWN_MAX
    assert found["leases"][-1]["age_s"] == 1_000.0 - (SHOWN_MAX + 9)


def test_no_id_is_shown_that_could_be_used() -> None:
    records = records_with(1, principal="token:alice")

    shown = report(records, now=0.0)

    assert records.leases.all()[0].connection_id.encode() not in shown
    assert records.loans.all()[0].handle.encode() not in shown
