import struct

import pytest

from executor.postgresql.start_up import START_UP_MAX_BYTES, StartUp, StartUpError
from wire.lending import PostgresSession

SECRET = b"\x01\x02\x03\x04"
PARAMETERS = ((b"server_version", b"18.6"), (b"client_encoding", b"UTF8"))


def a_session(
    parameters: tuple[tuple[bytes, bytes], ...] = PARAMETERS, backend_id: int = 4711
) -> PostgresSession:
    return PostgresSession(parameters=parameters, backend_id=backend_id)


def a_start_up(session: PostgresSession | None = None) -> StartUp:
    return StartUp(session or a_session(), secret=SECRET)


def asked(code: int, body: bytes = b"") -> bytes:
    return struct.pack("!II", len(body) + 8, code) + body


def said(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("!I", len(body) + 4) + body


START = asked(3 << 16, b"user\0u\0database\0d\0\0")
WELCOME = (
    said(b"R", b"\0\0\0\0")
    + said(b"S", b"server_version\x0018.6\0")
    + said(b"S", b"client_encoding\0UTF8\0")
    + said(b"K", struct.pack("!i", 4711) + SECRET)
    + said(b"Z", b"I")
)


def test_a_start_up_is_answered_with_the_real_session_and_a_secret_of_our_own() -> None:
    start_up = a_start_up()

    answer = start_up.answer(START)

    assert answer == WELCOME
    assert start_up.is_over


@pytest.mark.parametrize("code", [80877103, 80877104])
def test_a_question_for_encryption_is_answered_with_no(code: int) -> None:
    start_up = a_start_up()

    assert start_up.answer(asked(code)) == b"N"
    assert start_up.answer(START) == WELCOME


@pytest.mark.parametrize(
    ("version", "body", "listed"),
    [
        (3 << 16 | 2, b"user\0u\0\0", b""),
        (3 << 16 | 9999, b"user\0u\0_pq_.grease\0x\0\0", b"_pq_.grease\0"),
        (3 << 16, b"_pq_.a\0x\0user\0_pq_.\0_pq_.b\0y\0\0", b"_pq_.a\0_pq_.b\0"),
    ],
)
def test_what_we_do_not_speak_is_negotiated_exactly_once(
    version: int, body: bytes, listed: bytes
) -> None:
    answer = a_start_up().answer(asked(version, body))

    count = listed.count(b"\0")
    assert answer == said(b"v", struct.pack("!Ii", 3 << 16, count) + listed) + WELCOME


def test_a_start_up_in_single_bytes_gets_the_same_answer() -> None:
    start_up = a_start_up()

    answers = [start_up.answer(bytes([byte])) for byte in asked(80877103) + START]

    assert b"".join(answers) == b"N" + WELCOME


@pytest.mark.parametrize("backend_id", [-5, 2**31 - 1])
def test_a_backend_id_of_a_pooler_may_be_negative(backend_id: int) -> None:
    answer = a_start_up(a_session(backend_id=backend_id)).answer(START)

    assert said(b"K", struct.pack("!i", backend_id) + SECRET) in answer


@pytest.mark.parametrize(
    "message",
    [
        struct.pack("!I", 7) + b"\0" * 4,
        struct.pack("!I", START_UP_MAX_BYTES + 1) + b"\0" * 4,
        asked(80877102, b"\0" * 8),
        asked(2 << 16),
        START + b"Q",
    ],
    ids=["too short", "too long", "a cancel request", "protocol 2", "a query before the answer"],
)
def test_anything_else_is_refused(message: bytes) -> None:
    with pytest.raises(StartUpError):
        a_start_up().answer(message)


@pytest.mark.parametrize("parameter", [(b"a\0b", b""), (b"a", b"\0")])
def test_a_parameter_cannot_bring_another_with_it(parameter: tuple[bytes, bytes]) -> None:
    with pytest.raises(StartUpError):
        a_start_up(a_session(parameters=(parameter,))).answer(START)
