import base64
import struct

import pytest

from tests.harness.logins import (
    CHALLENGE,
    CONTINUE,
    FINAL,
    KEY,
    LET_IN,
    LOGIN,
    NONCE,
    NOTICE,
    OFFER,
    PARAMETER,
    PASSWORD,
    READY,
    SALT,
    STRICT,
    Script,
    asks,
    carried,
    error,
    message,
)
from vault.login.postgres import MAX_NOTICES, MAX_PARAMETERS, PostgresTarget, end_session, log_in
from vault.login.postgres_frames import HEADER_BYTES, LIMITS_BYTES
from vault.login.refusals import LoginRefusedError, Stage

TARGET = PostgresTarget(user="ann", database="shop", application_name="strongroom")


def refused(says: bytes) -> tuple[LoginRefusedError, Script]:
    server = Script(says)
    machine = log_in(TARGET, bytearray(PASSWORD), nonce=NONCE, terms=STRICT)
    with pytest.raises(LoginRefusedError) as failure:
        carried(machine, server.obey)
    return failure.value, server


@pytest.mark.parametrize(
    "says",
    [
        pytest.param(LET_IN + KEY + READY, id="lets anyone in"),
        pytest.param(asks(3), id="cleartext"),
        pytest.param(asks(5, b"salt"), id="md5"),
        pytest.param(asks(7), id="GSS"),
        pytest.param(asks(9), id="SSPI"),
        pytest.param(asks(2), id="Kerberos 5"),
        pytest.param(asks(10, b"SCRAM-SHA-256-PLUS\0\0"), id="only with channel binding"),
        pytest.param(asks(10, b"SCRAM-SHA-1\0PLAIN\0\0"), id="only weaker mechanisms"),
        pytest.param(asks(10, b"SCRAM-SHA-256\0"), id="mechanisms not ended"),
        pytest.param(asks(10, b"\0"), id="no mechanism"),
        pytest.param(asks(10), id="no mechanisms at all"),
        pytest.param(CONTINUE, id="second step first"),
        pytest.param(message(b"R"), id="authentication of nothing"),
        pytest.param(message(b"R", b"\0\0\0"), id="authentication cut"),
        pytest.param(message(b"R", b"x" * 2_001), id="authentication too long"),
        pytest.param(b"R\xff\xff\xff\xff", id="four gigabytes"),
        pytest.param(b"R\0\0\0\3", id="length shorter than itself"),
        pytest.param(b"EFATAL:  unsupported frontend protocol\0", id="error of protocol 2"),
        pytest.param(message(b"v", struct.pack("!II", 3 << 16, 0)), id="negotiates the version"),
        pytest.param(NOTICE + OFFER, id="notice before the login"),
        pytest.param(PARAMETER, id="parameter before the login"),
        pytest.param(READY, id="ready before the login"),
        pytest.param(b"N", id="an answer to a TLS request"),
        pytest.param(b"", id="closes at once"),
    ],
)
def test_a_server_that_asks_for_less_gets_nothing_but_the_start_up_message(says: bytes) -> None:
    failure, server = refused(says)

    assert failure.stage is Stage.NEGOTIATE
    assert failure.sqlstate is None
    assert len(server.heard) == 1
    assert b"SCRAM" not in server.heard[0]


@pytest.mark.parametrize(
    "says",
    [
        pytest.param(b"J\0\0\0\x0a9.4.0\0", id="MySQL's greeting"),
        pytest.param(b"HTTP/1.1 400 Bad Request\r\n", id="HTTP"),
        pytest.param(b"SSH-2.0-OpenSSH_9.2\r\n", id="SSH"),
    ],
)
def test_a_server_of_another_protocol_is_told_from_one_that_mixes_things_up(says: bytes) -> None:
    failure, server = refused(says)
    mixed_up, _ = refused(OFFER + says)

    assert failure.stage is Stage.NEGOTIATE
    assert failure.sentence == "The server does not speak PostgreSQL's protocol."
    assert "has no place here" in mixed_up.sentence
    assert len(server.heard) == 1


@pytest.mark.parametrize(
    "says",
    [
        pytest.param(OFFER + LET_IN, id="lets us in"),
        pytest.param(OFFER + asks(3), id="then cleartext"),
        pytest.param(OFFER + asks(5, b"salt"), id="then md5"),
        pytest.param(OFFER + OFFER, id="offers again"),
        pytest.param(OFFER + FINAL, id="skips the challenge"),
        pytest.param(OFFER + asks(11, CHALLENGE.replace(b"4096", b"1")), id="one iteration"),
        pytest.param(OFFER + asks(11, CHALLENGE.replace(b"4096", b"30000000")), id="30 million"),
        pytest.param(OFFER + asks(11, b"r=abc,s=%b,i=4096" % SALT), id="another nonce"),
    ],
)
def test_a_server_that_goes_astray_after_its_offer_gets_no_proof(says: bytes) -> None:
    failure, server = refused(says)

    assert failure.stage is Stage.AUTHENTICATE
    assert len(server.heard) == 2
    assert not any(b"p=" in data for data in server.heard)


@pytest.mark.parametrize(
    "says",
    [
        pytest.param(LET_IN, id="leaves its proof out"),
        pytest.param(asks(12, b"v=" + base64.b64encode(bytes(32))) + LET_IN, id="wrong proof"),
        pytest.param(asks(12) + LET_IN, id="empty proof"),
        pytest.param(FINAL + asks(3), id="cleartext after the proof"),
        pytest.param(FINAL + asks(0, b"x"), id="more than a let-in"),
        pytest.param(FINAL + READY, id="no let-in"),
    ],
)
def test_a_server_that_does_not_prove_itself_gets_no_session(says: bytes) -> None:
    failure, server = refused(OFFER + CONTINUE + says + KEY + READY)

    assert failure.stage is Stage.VERIFY_SERVER
    assert len(server.heard) == 3


@pytest.mark.parametrize(
    "says",
    [
        pytest.param(READY, id="no key"),
        pytest.param(KEY + KEY + READY, id="two keys"),
        pytest.param(message(b"K") + READY, id="empty key message"),
        pytest.param(message(b"K", b"\0\0\0\1") + READY, id="process id without a key"),
        pytest.param(message(b"K", bytes(9)) + READY, id="key too long"),
        pytest.param(KEY + message(b"Z", b"T"), id="inside a transaction"),
        pytest.param(KEY + message(b"Z"), id="ready for nothing"),
        pytest.param(message(b"S", b"name\0value") + KEY + READY, id="parameter not ended"),
        pytest.param(message(b"S", b"name\0") + KEY + READY, id="parameter without value"),
        pytest.param(message(b"S", b"\0value\0") + KEY + READY, id="parameter without name"),
        pytest.param(message(b"S", b"a\0b\0c\0") + KEY + READY, id="parameter with more"),
        pytest.param(message(b"S") + KEY + READY, id="parameter of nothing"),
        pytest.param(message(b"S", b"a\0" + b"x" * 30_000 + b"\0"), id="parameter too long"),
        pytest.param(PARAMETER * (MAX_PARAMETERS + 1) + KEY + READY, id="many parameters"),
        pytest.param(message(b"S", b"a\0" + b"x" * 29_000 + b"\0") * 3, id="much in parameters"),
        pytest.param(NOTICE * (MAX_NOTICES + 1) + KEY + READY, id="many notices"),
        pytest.param(LET_IN + KEY + READY, id="lets us in twice"),
        pytest.param(message(b"D", b"") + KEY + READY, id="a row nobody asked for"),
        pytest.param(KEY, id="closes before ready"),
    ],
)
def test_a_session_that_starts_out_of_shape_is_refused(says: bytes) -> None:
    failure, _ = refused(LOGIN + says)

    assert failure.stage is Stage.START_SESSION


@pytest.mark.parametrize(
    ("before", "kind"),
    [
        pytest.param(b"", b"R", id="authentication"),
        pytest.param(b"", b"E", id="error"),
        pytest.param(LOGIN, b"E", id="error after the login"),
        pytest.param(LOGIN, b"S", id="parameter"),
        pytest.param(LOGIN, b"K", id="key"),
        pytest.param(LOGIN, b"N", id="notice"),
        pytest.param(LOGIN, b"Z", id="ready"),
    ],
)
@pytest.mark.parametrize("more_bytes", [1, 1 << 30])
def test_of_a_message_beyond_its_limit_not_a_byte_of_the_body_is_read(
    before: bytes, kind: bytes, more_bytes: int
) -> None:
    length = struct.pack("!I", 4 + LIMITS_BYTES[kind] + more_bytes)

    failure, server = refused(before + kind + length + bytes(40_000))

    assert server.asked_bytes[-1] == HEADER_BYTES
    assert "length" in failure.sentence


ENDED = message(b"T", b"\0\1pg_terminate_backend\0" + bytes(18))
ENDED += message(b"D", b"\0\1\0\0\0\1t") + message(b"C", b"SELECT 1\0") + READY


@pytest.mark.parametrize(
    "says",
    [
        pytest.param(b"", id="closes"),
        pytest.param(READY, id="no answer"),
        pytest.param(ENDED.replace(b"\1t", b"\1x"), id="neither true nor false"),
        pytest.param(ENDED.replace(b"\0\1\0\0\0\1t", b"\0\1\xff\xff\xff\xff"), id="null"),
        pytest.param(NOTICE * MAX_NOTICES + ENDED, id="many notices"),
        pytest.param(ENDED[:-6] + error(b"XX000"), id="error at the end"),
    ],
)
def test_an_answer_that_is_no_answer_is_not_taken_for_an_ended_session(says: bytes) -> None:
    with pytest.raises(LoginRefusedError) as failure:
        carried(end_session(4711), Script(says).obey)

    assert failure.value.stage is Stage.END_SESSION
