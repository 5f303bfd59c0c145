"""What is known of a connection's health follows from what its logins saw."""

import pytest
from msgspec.structs import replace

from vault.attempts import FIRST_PAUSE_S, FREE_TRIES, Attempts
from vault.health import LOGINS_MAX, Health, Healths
from vault.reach import NO_PROBE, Reach, Server
from vault.settings import NamedConnection
from wire.lending import Tls

HERE = Server("db.example", 5432)
MAIN = NamedConnection(
    engine="postgresql",
    host=HERE.host,
    port=HERE.port,
    database="main",
    access="read-write",
    variable="MAIN_DB_CREDENTIALS",
)


class Known:
    """The three records, as a vault keeps them."""

    def __init__(self) -> None:
        self.attempts = Attempts()
        self.reach = Reach()
        self.healths = Healths(self.attempts, self.reach)

    def refused(self, *, now: float) -> None:
        self.attempts.refused(MAIN.variable, now=now)
        self.healths.note(MAIN, is_healthy=False, now=now)

    def worked(self, *, now: float) -> None:
        self.attempts.worked(MAIN.variable)
        self.healths.note(MAIN, is_healthy=True, now=now)


def test_of_a_connection_that_nobody_used_nothing_is_known() -> None:
    assert Known().healths.of(MAIN, now=5) == Health(state="unknown")


def test_a_connection_is_healthy_since_its_first_login_that_worked() -> None:
    known = Known()
    known.worked(now=10)
    known.worked(now=20)

    assert known.healths.of(MAIN, now=25) == Health(state="healthy", since_s=15)


def test_a_refused_login_is_told_until_one_works() -> None:
    known = Known()
    known.worked(now=10)
    known.refused(now=20)
    before = known.healths.of(MAIN, now=22)
    known.worked(now=30)

    assert before == Health(state="refused", since_s=2)
    assert known.healths.of(MAIN, now=31) == Health(state="healthy", since_s=1)


def test_a_credential_that_is_not_tried_for_now_is_paused_and_then_refused() -> None:
    known = Known()
    for n in range(FREE_TRIES):
        known.refused(now=n)
    last = FREE_TRIES - 1

    paused = known.healths.of(MAIN, now=last)

    assert paused == Health(state="paused", since_s=last, next_try_s=FIRST_PAUSE_S)
    assert known.healths.of(MAIN, now=last + FIRST_PAUSE_S).state == "refused"


def test_a_connection_that_worked_is_paused_by_another_one_with_its_credential() -> None:
    known = Known()
    known.worked(now=0)
    for n in range(FREE_TRIES):
        known.attempts.refused(MAIN.variable, now=n)

    assert known.healths.of(MAIN, now=2) == Health(state="paused", next_try_s=FIRST_PAUSE_S)


def test_that_a_server_is_away_counts_before_all_that_was_known() -> None:
    known = Known()
    known.worked(now=0)
    known.reach.unreached(HERE, probe=NO_PROBE, now=10)

    away = known.healths.of(MAIN, now=10.125)
    due = known.healths.of(MAIN, now=12)
    known.reach.reached(HERE)

    assert away == Health(state="unreachable", since_s=0.125, next_try_s=0.125)
    assert due == Health(state="unreachable", since_s=2, next_try_s=0)
    assert known.healths.of(MAIN, now=13) == Health(state="healthy", since_s=13)


def test_two_databases_of_one_server_have_a_health_each() -> None:
    known = Known()
    known.worked(now=0)

    assert known.healths.of(replace(MAIN, database="other"), now=1).state == "unknown"


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(replace(MAIN, tls=Tls(mode="verify-full", roots="/wrong.pem")), id="roots"),
        pytest.param(replace(MAIN, auth="md5"), id="auth"),
        pytest.param(replace(MAIN, channel_binding="require"), id="binding"),
        pytest.param(replace(MAIN, server_key="/wrong.pem"), id="server key"),
    ],
)
def test_a_connection_that_works_is_not_refused_because_another_way_to_its_server_is(
    other: NamedConnection,
) -> None:
    known = Known()
    known.worked(now=0)
    known.healths.note(other, is_healthy=False, now=1)

    assert known.healths.of(MAIN, now=2) == Health(state="healthy", since_s=2)
    assert known.healths.of(other, now=2) == Health(state="refused", since_s=1)


def test_logins_that_clients_bring_are_not_remembered_without_end() -> None:
    known = Known()

    for n in range(LOGINS_MAX + 1):
        known.healths.note(replace(MAIN, variable=str(n)), is_healthy=True, now=0)

    assert len(known.healths._seen) == LOGINS_MAX
    assert known.healths.of(replace(MAIN, variable="0"), now=0).state == "unknown"
    assert known.healths.of(replace(MAIN, variable="1"), now=0).state == "healthy"
