"""Principals take turns at free slots, and nobody's own requests change places."""

from hypothesis import given
from hypothesis.strategies import integers, lists, sampled_from, tuples

from broker.turns import Turns
from wire.names import Principal, RunId

WHO = [Principal(name) for name in ("alice", "bob", "carol")]
JOINING = lists(tuples(integers(1, 60), sampled_from(WHO)), unique_by=lambda one: one[0])


def the_turns(joining: list[tuple[int, Principal]]) -> Turns:
    turns = Turns()
    for number, who in joining:
        turns.join(RunId(number), who)
    return turns


def served(turns: Turns, owners: dict[int, Principal]) -> list[int]:
    order: list[int] = []
    while (run_id := turns.first()) is not None:
        order.append(run_id)
        turns.leave(run_id, owners[run_id])
    return order


def test_a_flood_of_one_principal_costs_another_no_more_than_one_turn() -> None:
    alice, bob, _ = WHO
    turns = the_turns([*((number, alice) for number in range(1, 1001)), (2000, bob)])

    order = served(turns, {2000: bob, **dict.fromkeys(range(1, 1001), alice)})

    assert order.index(2000) == 1
    assert [number for number in order if number != 2000] == list(range(1, 1001))


@given(JOINING)
def test_everybody_is_served_once_and_in_the_order_of_their_own(
    joining: list[tuple[int, Principal]],
) -> None:
    owners = dict(joining)

    order = served(the_turns(joining), owners)

    assert sorted(order) == sorted(owners)
    for who in WHO:
        own = [number for number, its in joining if its == who]
        assert [number for number in order if owners[number] == who] == own


@given(JOINING)
def test_nobody_waits_for_more_turns_than_there_are_others_before_each_of_its_own(
    joining: list[tuple[int, Principal]],
) -> None:
    owners = dict(joining)

    order = served(the_turns(joining), owners)

    for who in WHO:
        for nth, number in enumerate(n for n, its in joining if its == who):
            before = order[: order.index(number)]
            for other in set(WHO) - {who}:
                assert sum(owners[one] == other for one in before) <= nth + 1


def test_one_that_joins_again_keeps_its_place_and_one_that_left_does_not_come_up() -> None:
    alice = WHO[0]
    turns = the_turns([(1, alice), (2, alice), (3, alice)])

    turns.join(RunId(1), alice)
    turns.leave(RunId(2), alice)
    turns.leave(RunId(2), alice)

    assert served(turns, dict.fromkeys(range(1, 4), alice)) == [1, 3]
