"""Whose turn it is among the logins that wait, and who is left out."""

from collections import Counter
from typing import Final

from hypothesis import given
from hypothesis import strategies as st

from vault.attempts import FREE_TRIES, PROVEN_AT_ONCE, Attempts
from vault.login_queue import CANCELS_AT_ONCE, RUNNING_MAX, WAITING_MAX, LoginQueue, Want, Work
from vault.reach import NO_PROBE, Reach, Server

STALLED: Final = Server("stalled", 5432)
OTHER: Final = Server("other", 5432)
CANCELS: Final = ("cancel", "kill")


def a_want(server: Server = STALLED, account: str = "A", work: Work = "log in") -> Want:
    return Want(server, account, work, deadline=100.0)


def a_queue(*proven: str) -> LoginQueue:
    attempts = Attempts()
    for account in proven:
        attempts.worked(account)
    return LoginQueue(attempts, Reach())


def begun(queue: LoginQueue) -> list[Want]:
    """Give everybody a login who may have one, and return them."""
    found: list[Want] = []
    while (want := queue.next()) is not None:
        queue.begin(want)
        found.append(want)
    return found


def test_who_has_waited_longest_goes_first_and_one_at_a_time_until_it_is_proven() -> None:
    queue, wants = a_queue(), [a_want(), a_want(), a_want(account="B")]
    for want in wants:
        assert queue.join(want)

    assert begun(queue) == [wants[0], wants[2]]
    queue.end(wants[0])
    assert begun(queue) == [wants[1]]


def test_a_server_that_stalls_with_many_credentials_leaves_room_for_another() -> None:
    accounts = [f"stalled {n}" for n in range(5)]
    queue = a_queue(*accounts)
    for account in accounts * PROVEN_AT_ONCE:
        queue.join(a_want(account=account))
    stuck = begun(queue)

    healthy = a_want(OTHER, "healthy")
    queue.join(healthy)

    assert len(stuck) == RUNNING_MAX // 2
    assert begun(queue) == [healthy]


def test_what_only_hands_its_session_over_is_in_nobodys_way() -> None:
    queue, first, second = a_queue(), a_want(), a_want()
    queue.join(first)
    queue.join(second)
    assert begun(queue) == [first]

    queue.logged_in(first)

    assert begun(queue) == [second]


def test_cancels_are_few_at_a_time_and_need_no_proven_password() -> None:
    queue = a_queue()
    queue.join(a_want())
    for _ in range(CANCELS_AT_ONCE + 1):
        queue.join(a_want(work="cancel"))

    assert Counter(want.work for want in begun(queue)) == {"log in": 1, "cancel": CANCELS_AT_ONCE}


def test_a_cancel_by_password_has_places_of_its_own_as_many_as_that_password_may_be_tried() -> None:
    unknown, proven = a_queue(), a_queue("A")
    for queue in (unknown, proven):
        for _ in range(PROVEN_AT_ONCE):
            queue.join(a_want())
        for _ in range(CANCELS_AT_ONCE + 1):
            queue.join(a_want(work="kill"))

    assert Counter(want.work for want in begun(unknown)) == {"log in": 1, "kill": 1}
    assert Counter(want.work for want in begun(proven)) == {
        "log in": PROVEN_AT_ONCE,
        "kill": CANCELS_AT_ONCE,
    }


def test_a_cancel_by_a_password_that_was_refused_too_often_waits_in_vain() -> None:
    attempts = Attempts()
    queue, kill = LoginQueue(attempts, Reach()), a_want(work="kill")
    queue.join(kill)

    for _ in range(FREE_TRIES):
        attempts.refused("A", now=0.0)

    assert queue.in_vain(now=0.0) == [(kill, "paused")]


def test_one_server_cannot_fill_the_queue() -> None:
    queue = a_queue()
    joined = sum(queue.join(a_want()) for _ in range(WAITING_MAX))

    assert joined == WAITING_MAX // 2
    assert queue.join(a_want(OTHER))


def test_who_waits_in_vain_is_told_why_but_a_cancel_and_an_end_are_tried() -> None:
    attempts, reach = Attempts(), Reach()
    queue = LoginQueue(attempts, reach)
    paused, unreachable = a_want(OTHER, "refused"), a_want(STALLED)
    ending, cancel = a_want(work="end"), a_want(account="refused", work="cancel")
    kill = a_want(work="kill")
    for want in (paused, unreachable, ending, cancel, kill):
        queue.join(want)

    for _ in range(FREE_TRIES):
        attempts.refused("refused", now=0.0)
    reach.unreached(STALLED, probe=NO_PROBE, now=0.0)

    assert queue.in_vain(now=0.0) == [(paused, "paused"), (unreachable, "unreachable")]
    assert queue.in_vain(now=3600.0) == []


WANTS: Final = st.builds(
    a_want,
    st.sampled_from([Server("h", port) for port in range(12)]),
    st.sampled_from(["A", "B", "C", "new"]),
    st.sampled_from(["log in", "end", "cancel", "kill"]),
)
EVENTS: Final = st.one_of(
    WANTS, st.tuples(st.sampled_from(["logged_in", "end", "leave"]), st.integers(0, 1000))
)


def check_shares(waiting: list[Want], running: dict[Want, bool]) -> None:
    using = [want for want, uses_places in running.items() if uses_places]
    logins = Counter(want.account for want in using if want.work not in CANCELS)
    cancels = Counter(want.account for want in using if want.work in CANCELS)
    assert len(running) <= RUNNING_MAX
    assert all(n <= RUNNING_MAX // 2 for n in Counter(w.server for w in using).values())
    assert all(n <= (1 if who == "new" else PROVEN_AT_ONCE) for who, n in logins.items())
    assert all(n <= CANCELS_AT_ONCE for n in cancels.values())
    # Who waits at a server where nobody logs in waits for a credential, or for any place.
    for want in waiting:
        is_alone = all(other.server != want.server for other in using)
        same = cancels if want.work in CANCELS else logins
        assert not is_alone or same[want.account] or len(running) == RUNNING_MAX


@given(st.lists(EVENTS, max_size=200))
def test_whatever_comes_no_server_and_no_account_has_more_than_its_share(
    events: list[Want | tuple[str, int]],
) -> None:
    queue, waiting, running = a_queue("A", "B", "C"), list[Want](), dict[Want, bool]()

    for event in events:
        match event:
            case Want():
                if queue.join(event):
                    waiting.append(event)
            case ("leave", which) if waiting:
                queue.leave(waiting.pop(which % len(waiting)))
            case ("logged_in", which) if running:
                want = list(running)[which % len(running)]
                queue.logged_in(want)
                running[want] = False
            case ("end", which) if running:
                want = list(running)[which % len(running)]
                queue.end(want)
                del running[want]
            case _:
                continue
        for want in begun(queue):
            waiting.remove(want)
            running[want] = True
        check_shares(waiting, running)
