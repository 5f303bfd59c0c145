"""An id whose time is over is known to its own principal, for a while."""

from hypothesis import given
from hypothesis.strategies import integers, lists, tuples

from tests.unit.vault.making import ALICE, BOB, MAIN, a_pool
from vault.expired import KEPT_MAX, KEPT_OF_ONE_MAX, KEPT_S, Ended, Expired, fault_of, span
from vault.leases import Leases, Limits
from wire.faults import Fault, FaultCode
from wire.names import ConnectionId, ConnectionName, Principal

LIMITS = Limits(per_principal=2, idle_s=1800, absolute_s=28_800)
ID = ConnectionId("A" * 43)


def code(leases: Leases, principal: Principal = ALICE, *, now: float) -> FaultCode:
    return leases.missing(ID, principal, now=now).code


def an_id(number: int) -> ConnectionId:
    return ConnectionId(f"{number:043}")


def ended(principal: Principal = ALICE, at: float = 0.0) -> Ended:
    return Ended(principal, MAIN, "idle", at)


def test_an_id_that_idled_says_for_how_long_and_which_tool_gives_a_new_one() -> None:
    leases = Leases(LIMITS)
    leases.open(ID, a_pool(), now=0)

    before_the_sweep = leases.missing(ID, ALICE, now=1800)
    leases.expire(now=1800)

    assert leases.missing(ID, ALICE, now=1801) == before_the_sweep
    assert before_the_sweep == Fault(
        code=FaultCode.CONNECTION_EXPIRED,
        message="The connection ID has expired: it was not used for 30 minutes",
        hint="Call connect_named_storage again to get a new connection_id.",
    )


def test_an_id_that_grew_old_says_so() -> None:
    leases = Leases(LIMITS)
    leases.open(ID, a_pool(), now=0)
    for hour in range(1, 32):
        leases.use([ID], now=hour * 900)

    (_,) = leases.expire(now=28_800)

    message = leases.missing(ID, ALICE, now=28_800).message
    assert message == "The connection ID has expired: it was as old as one may become, 8 hours"


def test_one_with_a_password_of_the_clients_names_the_tool_that_took_it() -> None:
    brought = Ended(ALICE, ConnectionName("dynamic:1f"), "idle", 0.0)

    hint = fault_of(brought, idle_s=60, absolute_s=60).hint

    assert hint == "Call connect_storage again to get a new connection_id."


def test_for_anybody_else_it_is_an_id_that_never_was() -> None:
    leases = Leases(LIMITS)
    leases.open(ID, a_pool(), now=0)
    leases.expire(now=1800)

    assert code(leases, BOB, now=1801) is FaultCode.INVALID_CONNECTION
    assert leases.missing(ID, BOB, now=1801) == leases.missing(an_id(1), ALICE, now=1801)


def test_one_that_its_principal_ended_is_none_any_more() -> None:
    leases = Leases(LIMITS)
    leases.open(ID, a_pool(), now=0)
    leases.end(ID, ALICE)

    assert code(leases, now=1) is FaultCode.INVALID_CONNECTION


def test_after_an_hour_nobody_remembers() -> None:
    leases = Leases(LIMITS)
    leases.open(ID, a_pool(), now=0)
    leases.expire(now=1800)

    assert code(leases, now=1800 + KEPT_S - 1) is FaultCode.CONNECTION_EXPIRED
    assert code(leases, now=1800 + KEPT_S) is FaultCode.INVALID_CONNECTION
    leases.expire(now=1800 + KEPT_S)
    assert len(leases._expired) == 0


def test_one_principals_ids_do_not_push_out_anothers() -> None:
    expired = Expired()
    expired.note(ID, ended(BOB))

    for number in range(2 * KEPT_MAX):
        expired.note(an_id(number), ended())

    assert expired.find(ID, BOB, now=1) is not None
    assert len(expired) == KEPT_OF_ONE_MAX + 1
    assert expired.find(an_id(2 * KEPT_MAX - 1), ALICE, now=1) is not None


@given(lists(tuples(integers(0, 30), integers(0, 5000)), max_size=300))
def test_never_are_more_kept_than_so_many(noted: list[tuple[int, int]]) -> None:
    expired = Expired()
    for who, number in noted * 10:
        expired.note(an_id(number), ended(Principal(str(who))))

        assert len(expired) <= KEPT_MAX


def test_a_length_of_time_is_told_in_words() -> None:
    told = [span(seconds) for seconds in (1, 59, 60, 90, 1800, 3600, 86_400, 90_000, 0.2)]

    assert told == [
        "1 second",
        "59 seconds",
        "1 minute",
        "90 seconds",
        "30 minutes",
        "1 hour",
        "1 day",
        "25 hours",
        "1 second",
    ]
