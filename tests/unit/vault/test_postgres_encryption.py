"""What a login says and reads before TLS, and that nothing of it happens without."""

from dataclasses import replace

import pytest

from tests.harness.certificates import Certificates
from tests.harness.logins import LOGIN, NONCE, OFFER, PASSWORD, STRICT, Script, asks, carried
from tests.unit.vault.terms import STARTS, TARGET, a_login
from vault.login.postgres import cancel, log_in
from vault.login.postgres_authentication import Terms
from vault.login.refusals import LoginRefusedError, Stage
from vault.login.steps import Receive, StartTls, Step

SSL_REQUEST = bytes.fromhex("0000000804d2162f")
ENCRYPTED = replace(STRICT, starts_tls=True)
DIRECT = replace(ENCRYPTED, is_direct=True)
BOUND = replace(ENCRYPTED, channel_binding="require")


def refused(server: Script, terms: Terms) -> LoginRefusedError:
    password = bytearray(PASSWORD)
    with pytest.raises(LoginRefusedError) as failure:
        carried(a_login(terms, password), server.obey)
    assert not any(password)
    return failure.value


def test_tls_begins_after_one_byte_and_before_the_start_up() -> None:
    server = Script(b"S" + LOGIN + STARTS)

    carried(a_login(ENCRYPTED, bytearray(PASSWORD)), server.obey)

    assert server.asked_bytes[0] == 1
    assert server.in_the_open == [SSL_REQUEST]
    assert len(server.heard) == 4


def test_tls_that_begins_at_once_has_no_word_before_it_and_names_the_protocol() -> None:
    server, steps = Script(LOGIN + STARTS), list[Step]()

    def obey(step: Step) -> bytes:
        steps.append(step)
        return server.obey(step)

    carried(a_login(DIRECT, bytearray(PASSWORD)), obey)

    assert steps[0] == StartTls(alpn="postgresql")
    assert server.in_the_open == []


@pytest.mark.parametrize(
    ("answer", "word"),
    [
        (b"N", '"sslmode": "disable"'),
        (b"E\0\0\0\x20SFATAL\0Msome text of the server\0\0", "an error"),
        (b"", "closed"),
        (b"H", "does not speak PostgreSQL"),
        (b"\0", "does not speak PostgreSQL"),
    ],
)
def test_a_server_without_tls_hears_no_more_and_is_not_read(answer: bytes, word: str) -> None:
    server = Script(answer + LOGIN if answer else b"")

    failure = refused(server, ENCRYPTED)

    assert (failure.stage, failure.sqlstate) == (Stage.ENCRYPT, None)
    assert word in failure.sentence
    assert "some text" not in failure.sentence
    assert server.heard == [SSL_REQUEST]
    assert server.asked_bytes == [1]


def test_a_cancel_goes_the_way_of_a_login() -> None:
    server = Script(b"S")

    carried(cancel(7, b"key!", terms=ENCRYPTED), server.obey)

    assert server.in_the_open == [SSL_REQUEST]
    assert server.heard[1].endswith(b"key!")


def test_a_cancel_is_not_sent_in_the_open_where_tls_is_refused() -> None:
    server = Script(b"N")

    with pytest.raises(LoginRefusedError):
        carried(cancel(7, b"key!", terms=ENCRYPTED), server.obey)

    assert server.heard == [SSL_REQUEST]


def test_a_bound_login_names_what_it_is_bound_to(certificates: Certificates) -> None:
    server = Script(b"S" + OFFER, certificates.rsa.der)

    refused(server, BOUND)

    assert server.heard[2].startswith(b"p")
    assert b"SCRAM-SHA-256-PLUS\0" in server.heard[2]
    assert b"p=tls-server-end-point,,n=,r=" + NONCE.encode() in server.heard[2]


def test_a_login_over_tls_to_a_server_that_offers_no_binding_says_that_we_could(
    certificates: Certificates,
) -> None:
    server = Script(b"S" + asks(10, b"SCRAM-SHA-256\0\0"), certificates.rsa.der)

    refused(server, ENCRYPTED)

    assert b"SCRAM-SHA-256\0\0\0\0" in server.heard[2]
    assert b"y,,n=,r=" + NONCE.encode() in server.heard[2]


@pytest.mark.parametrize(
    "says",
    [
        pytest.param(asks(10, b"SCRAM-SHA-256\0\0"), id="no PLUS"),
        pytest.param(asks(5, b"salt"), id="md5"),
        pytest.param(asks(3), id="cleartext"),
        pytest.param(asks(0), id="nothing"),
    ],
)
def test_where_binding_is_required_no_other_login_gets_a_byte(
    certificates: Certificates, says: bytes
) -> None:
    weakest = replace(BOUND, minimum="password", is_verified=True)
    server = Script(b"S" + says + LOGIN, certificates.rsa.der)

    failure = refused(server, weakest)

    assert failure.stage is Stage.NEGOTIATE
    assert len(server.heard) == 2


def test_where_binding_is_required_nothing_at_all_is_said_without_tls() -> None:
    server = Script(LOGIN)

    failure = refused(server, replace(STRICT, channel_binding="require"))

    assert "no TLS" in failure.sentence
    assert server.heard == []


def test_a_login_abandoned_in_the_handshake_overwrites_the_password() -> None:
    password = bytearray(PASSWORD)
    machine = log_in(TARGET, password, nonce=NONCE, terms=ENCRYPTED)
    next(machine)
    assert machine.send(b"") == Receive(1)
    assert machine.send(b"S") == StartTls()

    machine.close()

    assert not any(password)
