"""What is granted on each engine, and how what clients bring is encrypted."""

from collections.abc import Iterator
from typing import Final

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite
from msgspec.structs import replace

from tests.unit.vault.bringing import padded
from tests.unit.vault.making import ALICE, EXECUTOR, MAIN, a_connection
from tests.unit.vault.played_logins import PlayedLogin, PlayedLogins
from vault.recall import Recall
from vault.requests import Requests
from vault.settings import Dynamic
from wire.destination import Destination, sealing_purpose
from wire.faults import FaultCode
from wire.lending import AllowedTarget, LoginDone, LoginFailed, Tls, TryLogin
from wire.logs import Log
from wire.messages import FromVault, Granted, OpenDynamic, OpenLease, Refused
from wire.names import Engine, Incarnation, RunId

SUITE: Final = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)
ANYWHERE: Final = (AllowedTarget(network="0.0.0.0/0"), AllowedTarget(network="::/0"))


class Vault:
    """The vault's side of the router, with logins that the test plays."""

    def __init__(self, engine: Engine) -> None:
        connection = replace(a_connection(), engine=engine)
        self.logins = PlayedLogins(connection, "secret")
        self.answers: list[FromVault] = []
        log = Log("test")
        records, errands = self.logins.records, self.logins.errands
        dynamic = Dynamic(accepts_plaintext=True, targets=ANYWHERE)
        self._requests = Requests(
            records,
            self.logins.keys,
            errands,
            Recall(
                records,
                errands,
                tell=lambda _executor, _message: None,
                kill=lambda _executor: None,
                log=log,
            ),
            settings=replace(self.logins.settings, dynamic=dynamic),
            executors=list[Incarnation],
            answer=lambda message, _payload: self.answers.append(message),
            log=log,
        )

    def ask(self, message: OpenLease | OpenDynamic) -> PlayedLogin | None:
        """Ask this, and be the login that is sent for it, if one is."""
        self._requests.handle(message)
        login = self.logins.next()
        self.logins.records.flush()
        return login

    def answer(self, login: PlayedLogin, outcome: LoginDone | LoginFailed) -> FromVault:
        login.say(outcome)
        self.logins.records.flush()
        return self.answers.pop()

    def bring(self, engine: Engine, host: str) -> PlayedLogin | None:
        """Ask for a lease as a client that brings where to, and a password."""
        destination = Destination(engine=engine, host=host, port=3306, database="d", user="u")
        key = X25519PublicKey.from_public_bytes(self.logins.keys.sealing_key())
        purpose = sealing_purpose(destination, ALICE)
        return self.ask(
            OpenDynamic(
                run_id=RunId(1),
                principal=ALICE,
                destination=destination,
                sealed=SUITE.encrypt(padded(b"brought"), key, info=purpose),
                executors=(EXECUTOR,),
                deadline_ms=10_000,
            )
        )


@pytest.fixture(params=["postgresql", "mysql"])
def engine(request: pytest.FixtureRequest) -> Engine:
    return "mysql" if request.param == "mysql" else "postgresql"


@pytest.fixture
def vault(engine: Engine) -> Iterator[Vault]:
    made = Vault(engine)
    with made.logins:
        yield made


def test_a_lease_is_granted_with_its_connections_engine(vault: Vault, engine: Engine) -> None:
    asked = OpenLease(
        run_id=RunId(1), principal=ALICE, name=MAIN, executors=(EXECUTOR,), deadline_ms=10_000
    )

    login = vault.ask(asked)
    assert login is not None
    granted = vault.answer(login, LoginDone())

    assert isinstance(login.order, TryLogin)
    assert login.order.target.engine == engine
    assert isinstance(granted, Granted)
    assert granted.engine == engine
    assert granted.grants.keys() == {EXECUTOR}


def test_what_a_client_brings_is_granted_with_the_engine_it_named(
    vault: Vault, engine: Engine
) -> None:
    login = vault.bring(engine, "127.0.0.1")
    assert login is not None

    granted = vault.answer(login, LoginDone())

    assert isinstance(granted, Granted)
    assert granted.engine == engine
    assert login.password == b"brought"


@pytest.mark.parametrize(
    ("host", "tls"),
    [
        ("127.0.0.1", None),
        ("localhost", None),
        ("LOCALHOST", None),
        ("::1", None),
        ("::ffff:127.0.0.1", None),
        ("10.1.2.3", Tls(mode="verify-full")),
        ("db.example", Tls(mode="verify-full")),
        ("localhost.example", Tls(mode="verify-full")),
        ("::ffff:10.1.2.3", Tls(mode="verify-full")),
    ],
)
def test_what_a_client_brings_is_verified_off_this_machine_and_asks_for_the_strongest_login(
    vault: Vault, engine: Engine, host: str, tls: Tls | None
) -> None:
    login = vault.bring(engine, host)

    assert login is not None
    target = login.order.target
    assert target.tls == tls
    strongest = {"mysql": "caching_sha2_password", "postgresql": "scram-sha-256"}
    assert target.auth == strongest[engine]
    assert target.allowed == ()


def test_a_file_is_nothing_that_a_client_can_bring(vault: Vault) -> None:
    assert vault.bring("sqlite", "127.0.0.1") is None

    (refused,) = vault.answers
    assert isinstance(refused, Refused)
    assert refused.fault.code is FaultCode.INVALID_ARGUMENTS


def test_a_client_hears_no_more_of_a_failed_login_than_that_it_failed(vault: Vault) -> None:
    asked = OpenLease(
        run_id=RunId(1), principal=ALICE, name=MAIN, executors=(EXECUTOR,), deadline_ms=10_000
    )
    login = vault.ask(asked)
    assert login is not None

    failed = LoginFailed(
        stage="authenticate", sentence="The plugin dialog is refused.", sqlstate="28000", errno=1045
    )
    refused = vault.answer(login, failed)

    assert isinstance(refused, Refused)
    assert refused.fault.code is FaultCode.LOGIN_FAILED
    assert (refused.fault.message, refused.fault.sqlstate) == (None, None)
