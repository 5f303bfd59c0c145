"""Nobody has the router hold more bytes than a limit allows."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from broker.payloads import OF_ONE_MAX_BYTES, PAYLOADS_MAX_BYTES, Payloads
from tests.harness.router_alone import ALICE
from tests.unit.broker.making import BOB
from wire.names import Principal

WHO = st.sampled_from([ALICE, BOB, Principal("uid:1")])


@given(st.lists(st.tuples(WHO, st.integers(0, 30 << 20), st.booleans())))
def test_whatever_is_taken_and_given_back_the_limits_hold(
    events: list[tuple[Principal, int, bool]],
) -> None:
    payloads, held = Payloads(), list[tuple[Principal, int]]()

    for who, size_bytes, gives_back in events:
        if gives_back and held:
            payloads.give_back(*held.pop())
        elif payloads.refusal(who, size_bytes) is None:
            payloads.take(who, size_bytes)
            held.append((who, size_bytes))

        totals = Counter[Principal]()
        for one, its_bytes in held:
            totals[one] += its_bytes
        assert totals.total() <= PAYLOADS_MAX_BYTES
        assert all(total <= OF_ONE_MAX_BYTES for total in totals.values())
        assert payloads._held == +totals


def test_one_principal_leaves_room_for_another() -> None:
    payloads = Payloads()
    payloads.take(ALICE, OF_ONE_MAX_BYTES)

    assert payloads.refusal(ALICE, 1) is not None
    assert payloads.refusal(ALICE, 0) is None
    assert payloads.refusal(BOB, PAYLOADS_MAX_BYTES - OF_ONE_MAX_BYTES) is None
    assert payloads.refusal(BOB, PAYLOADS_MAX_BYTES - OF_ONE_MAX_BYTES + 1) is not None
