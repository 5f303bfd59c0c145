"""Nobody has more in flight than a limit allows, and everybody hears which limit it was."""

from collections import Counter

from hypothesis import given
from hypothesis.strategies import booleans, lists, sampled_from, tuples

from broker.shares import Shares
from tests.harness.router_alone import ALICE
from tests.unit.broker.making import BOB, LEASE, OTHER_LEASE, a_list, an_execute, limits
from wire.faults import Fault, FaultCode
from wire.messages import Execute, Request

ASKED: list[Request] = [
    an_execute(connection_id=LEASE),
    an_execute(connection_id=OTHER_LEASE),
    an_execute(connection_id=LEASE, principal=BOB),
    a_list(),
]


def taken(shares: Shares, asked: Request, *, times: int) -> Shares:
    for _ in range(times):
        assert shares.refusal(asked) is None
        shares.take(asked)
    return shares


def refused(shares: Shares, asked: Request) -> Fault:
    fault = shares.refusal(asked)
    assert fault is not None
    return fault


def test_a_connection_id_has_its_limit_and_the_next_statement_after_one_has_ended_is_welcome() -> (
    None
):
    shares = taken(Shares(limits(per_lease=3)), ASKED[0], times=3)

    assert refused(shares, ASKED[0]) == Fault(
        code=FaultCode.STATEMENT_LIMIT,
        message="The limit of 3 statements at the same time for one connection ID is reached",
    )
    assert shares.refusal(ASKED[1]) is None
    shares.give_back(ASKED[0])
    assert shares.refusal(ASKED[0]) is None


def test_a_principal_has_its_limit_over_all_its_ids_and_another_principal_has_its_own() -> None:
    shares = taken(Shares(limits(per_principal=2)), ASKED[0], times=2)

    assert refused(shares, ASKED[1]) == Fault(
        code=FaultCode.STATEMENT_LIMIT,
        message="The limit of 2 statements at the same time for one client is reached",
    )
    assert shares.refusal(ASKED[2]) is None
    assert shares.refusal(ASKED[3]) is None


def test_one_principal_cannot_fill_all_the_room_that_there_is() -> None:
    shares = taken(Shares(limits(8)), a_list(), times=6)

    assert refused(shares, a_list()) == Fault(
        code=FaultCode.OVERLOADED,
        message="The limit of 6 requests at the same time for one client is reached",
    )
    taken(shares, an_execute(principal=BOB), times=2)
    assert refused(shares, an_execute(principal=BOB)).message == (
        "The limit of 8 requests at the same time is reached"
    )


def test_whoever_knows_somebody_elses_id_cannot_use_up_what_its_owner_may_run() -> None:
    shares = taken(Shares(limits(per_lease=3)), ASKED[2], times=3)

    assert shares.refusal(ASKED[2]) is not None
    assert shares.refusal(ASKED[0]) is None


@given(lists(tuples(sampled_from(ASKED), booleans())))
def test_whatever_comes_and_goes_no_limit_is_exceeded_and_nothing_is_left_behind(
    steps: list[tuple[Request, bool]],
) -> None:
    within = limits(9, per_lease=3, per_principal=5)
    shares, inside = Shares(within), list[Request]()
    for asked, comes in steps:
        if comes and shares.refusal(asked) is None:
            shares.take(asked)
            inside.append(asked)
        elif not comes and asked in inside:
            shares.give_back(asked)
            inside.remove(asked)
        statements = [one for one in inside if isinstance(one, Execute)]
        of_lease = Counter((one.principal, one.connection_id) for one in statements)
        assert len(inside) <= within.requests
        assert max(of_lease.values(), default=0) <= within.statements_per_lease
        assert sum(one.principal == ALICE for one in statements) <= within.statements_per_principal
        assert sum(one.principal == ALICE for one in inside) <= within.requests_per_principal

    for asked in inside:
        shares.give_back(asked)

    assert (len(shares._requests), len(shares._statements)) == (0, 0)
    assert (len(shares._of_lease), shares._all) == (0, 0)
