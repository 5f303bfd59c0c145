"""What logins saw of a server and a credential decides whether the next one is sent at all."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import pytest
from msgspec.structs import replace

from tests.harness.login_desk import Desk
from tests.harness.logins import asks
from tests.harness.postgres import PostgresServer
from tests.harness.recording import recorded_at
from tests.unit.vault.making import (
    EXECUTOR,
    HANDLE,
    VARIABLE,
    Account,
    a_pool,
    a_state_memory,
    the_settings,
)
from vault.errands import JUDGED_FROM_MS, Errands
from vault.jobs import DIED, UNREACHABLE
from vault.loans import Loan
from vault.reach import Server
from vault.records import Records
from vault.state import Credential, Slots
from wire.faults import Fault, FaultCode
from wire.lending import LoginDone, LoginFailed, LoginOutcome, Tls
from wire.logs import Log

DEADLINE_MS: Final = 10_000


class Errand:
    """Errands for one account, whose logins are real and go to *port*."""

    def __init__(self, desk: Desk, account: Account, port: int) -> None:
        self.desk = desk
        self.connection = replace(account.connection(), port=port)
        settings = the_settings(self.connection)
        self._records = Records(Slots(a_state_memory(), desk._keys), settings)
        self.use_password(account, account.password)
        self.errands = Errands(
            self._records,
            desk.desk,
            desk.attempts,
            desk.reach,
            connections=settings.connections,
            allowed=(),
            log=Log("test"),
        )
        self.outcomes: list[LoginOutcome] = []

    def use_password(self, account: Account, password: str) -> None:
        sealed = self.desk._keys.seal_credential(memoryview(password.encode()), name=VARIABLE)
        self._records.credentials[VARIABLE] = Credential(account.role, sealed)

    def begin(self, *, deadline_ms: int = DEADLINE_MS) -> None:
        """Send a login and do not wait for it."""
        self.errands.try_login(self.connection, deadline_ms, self.outcomes.append)

    def do(self, *, deadline_ms: int = DEADLINE_MS) -> LoginOutcome:
        """Send a login, and return what came of it."""
        self.begin(deadline_ms=deadline_ms)
        self.desk.wait_for(lambda: bool(self.outcomes))
        return self.outcomes.pop(0)

    def fail_until_the_pause_is_long(self) -> None:
        """Let logins fail, each as soon as it may, until the next may only after two seconds."""
        while (self.errands.health(self.connection).next_try_s or 0.0) < 2.0:
            self.desk.wait_for(lambda: self.errands.refusal(self.connection) is None)
            assert stage_of(self.do()) == "connect"


def stage_of(outcome: LoginOutcome) -> str:
    assert isinstance(outcome, LoginFailed)
    return outcome.stage


def code_of(fault: Fault | None) -> FaultCode | None:
    return None if fault is None else fault.code


@contextmanager
def asking_for_md5(bound: socket.socket) -> Iterator[None]:
    """Be a server that asks whoever connects first for MD5."""
    bound.listen()

    def ask() -> None:
        client, _ = bound.accept()
        with client:
            client.recv(4096)
            client.sendall(asks(5, b"salt"))
            while client.recv(4096):
                pass

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    yield
    thread.join()


@pytest.fixture
def silent() -> Iterator[socket.socket]:
    """A port that nobody else can take, and where nobody listens yet."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield bound


@pytest.fixture
def errand(account: Account, silent: socket.socket) -> Iterator[Errand]:
    with Desk() as desk:
        yield Errand(desk, account, int(silent.getsockname()[1]))


def test_a_server_that_was_not_there_is_not_asked_again_at_once_though_it_is_back(
    errand: Errand, account: Account, silent: socket.socket
) -> None:
    errand.fail_until_the_pause_is_long()
    with recorded_at(silent, account.server.host, account.server.port) as recording:
        refusal = errand.errands.refusal(errand.connection)
        away = errand.errands.health(errand.connection)

        errand.desk.wait_for(lambda: errand.errands.refusal(errand.connection) is None)
        asked_before = bytes(recording.from_clients)
        outcome = errand.do()

        assert refusal is not None
        assert refusal.code is FaultCode.DATABASE_UNREACHABLE
        assert refusal.hint is not None
        assert refusal.hint.startswith("It is tried again in ")
        assert away.state == "unreachable"
        assert asked_before == b""
        assert outcome == LoginDone()
        assert errand.errands.health(errand.connection).state == "healthy"


def test_of_many_that_want_a_server_which_is_away_one_asks_for_all(errand: Errand) -> None:
    for _ in range(10):
        errand.begin()

    errand.desk.wait_for(lambda: len(errand.outcomes) == 10)

    assert stage_of(errand.outcomes[0]) == "connect"
    assert errand.outcomes[1:] == [UNREACHABLE] * 9


def test_while_one_login_is_the_probe_others_are_told_at_once(
    errand: Errand, account: Account, silent: socket.socket
) -> None:
    assert stage_of(errand.do()) == "connect"
    errand.desk.wait_for(lambda: errand.errands.refusal(errand.connection) is None)

    with recorded_at(silent, account.server.host, account.server.port):
        errand.begin()
        meanwhile = errand.errands.refusal(errand.connection)
        errand.desk.wait_for(lambda: bool(errand.outcomes))

        assert code_of(meanwhile) is FaultCode.DATABASE_UNREACHABLE
        assert errand.outcomes == [LoginDone()]
        assert errand.errands.refusal(errand.connection) is None


def test_a_probe_that_dies_leaves_room_for_the_next(errand: Errand) -> None:
    assert stage_of(errand.do()) == "connect"
    errand.desk.wait_for(lambda: errand.errands.refusal(errand.connection) is None)
    server = Server(errand.connection.host, errand.connection.port)
    before = errand.desk.reach.away_s(server, now=0)

    errand.begin()
    (login,) = errand.desk.desk._running
    login.shutdown(socket.SHUT_RDWR)
    errand.desk.wait_for(lambda: bool(errand.outcomes))

    assert errand.outcomes == [DIED]
    assert errand.errands.refusal(errand.connection) is None
    assert errand.desk.reach.away_s(server, now=0) == before


def test_a_login_that_had_no_time_to_connect_says_nothing_of_the_server(errand: Errand) -> None:
    assert stage_of(errand.do(deadline_ms=JUDGED_FROM_MS - 1)) == "connect"

    assert errand.errands.refusal(errand.connection) is None
    assert errand.errands.health(errand.connection).state == "unknown"


def test_a_session_is_ended_at_a_server_that_was_just_away(
    errand: Errand, account: Account, silent: socket.socket
) -> None:
    errand.fail_until_the_pause_is_long()
    loan = Loan(handle=HANDLE, executor=EXECUTOR, pool=a_pool(), backend_id=2**31 - 1)

    with recorded_at(silent, account.server.host, account.server.port) as recording:
        errand.errands.end_session(loan)
        errand.desk.wait_for(lambda: b"pg_terminate_backend" in recording.from_clients)
        errand.desk.wait_for(lambda: errand.errands.refusal(errand.connection) is None)

        assert errand.errands.health(errand.connection).state == "healthy"


def test_a_refused_password_is_told_and_then_a_pause(postgres: PostgresServer) -> None:
    account = Account(postgres, "the right one")
    with Desk() as desk:
        errand = Errand(desk, account, postgres.port)
        assert errand.do() == LoginDone()
        errand.use_password(account, "another one")

        assert stage_of(errand.do()) == "authenticate"
        refused = errand.errands.health(errand.connection)
        assert [stage_of(errand.do()) for _ in range(2)] == ["authenticate"] * 2
        paused = errand.errands.health(errand.connection)

        assert (refused.state, refused.next_try_s) == ("refused", None)
        assert paused.state == "paused"
        assert paused.next_try_s is not None
        assert code_of(errand.errands.refusal(errand.connection)) is FaultCode.LOGIN_PAUSED


def test_a_server_that_asks_for_less_is_a_refusal_and_not_out_of_reach(
    errand: Errand, silent: socket.socket
) -> None:
    with asking_for_md5(silent):
        outcome = errand.do()

    assert isinstance(outcome, LoginFailed)
    assert '"auth": "md5"' in outcome.sentence
    assert errand.errands.refusal(errand.connection) is None
    assert errand.errands.health(errand.connection).state == "refused"


def test_that_a_server_has_no_tls_is_said_of_the_connections_alone_that_want_it(
    postgres: PostgresServer,
) -> None:
    with Desk() as desk:
        errand = Errand(desk, Account(postgres, "the right one"), postgres.port)
        plain = errand.connection
        assert errand.do() == LoginDone()
        errand.connection = replace(plain, tls=Tls(mode="require"))

        assert stage_of(errand.do()) == "encrypt"

        assert errand.errands.health(errand.connection).state == "refused"
        assert errand.errands.health(plain).state == "healthy"
