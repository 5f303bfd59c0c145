"""What is known of a connection's health follows from what its logins saw."""

from vault.attempts import FIRST_PAUSE_S, FREE_TRIES, Attempts
from vault.health import LOGINS_MAX, Health, Healths, Login
from vault.reach import NO_PROBE, Reach, Server

HERE = Server("db.example", 5432)
LOGIN = Login("MAIN_DB_CREDENTIALS", HERE, "main")


class Known:
    """The three records, as a vault keeps them."""

    def __init__(self) -> None:
        self.attempts = Attempts()
        self.reach = Reach()
        self.healths = Healths(self.attempts, self.reach)

    def refused(self, *, now: float) -> None:
        self.attempts.refused(LOGIN.credential, now=now)
        self.healths.note(LOGIN, is_healthy=False, now=now)

    def worked(self, *, now: float) -> None:
        self.attempts.worked(LOGIN.credential)
        self.healths.note(LOGIN, is_healthy=True, now=now)


def test_of_a_connection_that_nobody_used_nothing_is_known() -> None:
    assert Known().healths.of(LOGIN, now=5) == Health(state="unknown")


def test_a_connection_is_healthy_since_its_first_login_that_worked() -> None:
    known = Known()
    known.worked(now=10)
    known.worked(now=20)

    assert known.healths.of(LOGIN, now=25) == Health(state="healthy", since_s=15)


def test_a_refused_login_is_told_until_one_works() -> None:
    known = Known()
    known.worked(now=10)
    known.refused(now=20)
    before = known.healths.of(LOGIN, now=22)
    known.worked(now=30)

    assert before == Health(state="refused", since_s=2)
    assert known.healths.of(LOGIN, now=31) == Health(state="healthy", since_s=1)


def test_a_credential_that_is_not_tried_for_now_is_paused_and_then_refused() -> None:
    known = Known()
    for n in range(FREE_TRIES):
        known.refused(now=n)
    last = FREE_TRIES - 1

    paused = known.healths.of(LOGIN, now=last)

    assert paused == Health(state="paused", since_s=last, next_try_s=FIRST_PAUSE_S)
    assert known.healths.of(LOGIN, now=last + FIRST_PAUSE_S).state == "refused"


def test_a_connection_that_worked_is_paused_by_another_one_with_its_credential() -> None:
    known = Known()
    known.worked(now=0)
    for n in range(FREE_TRIES):
        known.attempts.refused(LOGIN.credential, now=n)

    assert known.healths.of(LOGIN, now=2) == Health(state="paused", next_try_s=FIRST_PAUSE_S)


def test_that_a_server_is_away_counts_before_all_that_was_known() -> None:
    known = Known()
    known.worked(now=0)
    known.reach.unreached(HERE, probe=NO_PROBE, now=10)

    away = known.healths.of(LOGIN, now=10.125)
    due = known.healths.of(LOGIN, now=12)
    known.reach.reached(HERE)

    assert away == Health(state="unreachable", since_s=0.125, next_try_s=0.125)
    assert due == Health(state="unreachable", since_s=2, next_try_s=0)
    assert known.healths.of(LOGIN, now=13) == Health(state="healthy", since_s=13)


def test_two_databases_of_one_server_have_a_health_each() -> None:
    known = Known()
    known.worked(now=0)

    assert known.healths.of(LOGIN._replace(database="other"), now=1).state == "unknown"


def test_logins_that_clients_bring_are_not_remembered_without_end() -> None:
    known = Known()

    for n in range(LOGINS_MAX + 1):
        known.healths.note(LOGIN._replace(credential=str(n)), is_healthy=True, now=0)

    assert len(known.healths._seen) == LOGINS_MAX
    assert known.healths.of(LOGIN._replace(credential="0"), now=0).state == "unknown"
    assert known.healths.of(LOGIN._replace(credential="1"), now=0).state == "healthy"
