"""What a MySQL server says first, and what is done about it when that is no greeting of ours."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.vault.mysql_scripts import (
    ALL_FLAGS,
    ED25519,
    ENCRYPTED,
    FAST,
    FULL,
    NATIVE,
    OK,
    OUR_FLAGS,
    PASSWORD,
    PLAIN,
    SALT,
    TLS_FLAG,
    Raw,
    Script,
    a_login,
    error,
    greeting,
    outcome_of,
    packet,
    refused,
    switch,
)
from vault.login.mysql_authentication import Terms
from vault.login.mysql_frames import MAX_BODY_BYTES
from vault.login.refusals import Stage
from vault.login.steps import LoggedIn

WHOLE = greeting()


@pytest.mark.parametrize(
    "says",
    [
        pytest.param([], id="closes"),
        pytest.param([Raw(b"\x00\x00\x00")], id="half a header"),
        pytest.param([Raw(packet(0, WHOLE)[:-1])], id="cut"),
        pytest.param([Raw(b"\0\0\0\0")], id="nothing in it"),
        pytest.param([Raw(b"\xff\xff\xff\0" + WHOLE)], id="sixteen megabytes"),
        pytest.param([b"\x0a" + b"x" * MAX_BODY_BYTES], id="one byte too long"),
        pytest.param([Raw(packet(1, WHOLE)), FAST, OK], id="wrong number"),
        pytest.param([b"\x09" + WHOLE[1:], FAST, OK], id="older protocol"),
        pytest.param([Raw(b"HTTP/1.1 400 Bad Request\r\n\r\n")], id="HTTP"),
        pytest.param([Raw(b"SSH-2.0-OpenSSH_9.2\r\n")], id="SSH"),
        pytest.param([WHOLE[:30], FAST, OK], id="no room for a salt"),
        pytest.param([greeting(version=b""), FAST, OK], id="no version"),
        pytest.param([greeting(version=b"9" * 256), FAST, OK], id="endless version"),
        pytest.param([b"\x0a" + b"9" * 100, FAST, OK], id="version not ended"),
        pytest.param([greeting(salt=SALT * 2), FAST, OK], id="long salt"),
        pytest.param([greeting(ED25519), OK], id="a salt too short for the plugin"),
        pytest.param([WHOLE[:-1], FAST, OK], id="plugin not ended"),
        pytest.param([WHOLE + b"x", FAST, OK], id="more after the plugin"),
        pytest.param([greeting(b""), FAST, OK], id="no plugin"),
        pytest.param([OK], id="lets anyone in"),
        pytest.param([switch(NATIVE), OK], id="switches before it greets"),
        pytest.param([FULL, OK], id="asks before it greets"),
    ],
)
def test_what_is_no_greeting_is_answered_with_nothing(says: list[bytes | Raw]) -> None:
    failure, script = refused(says, PLAIN)

    assert failure.stage is Stage.NEGOTIATE
    assert script.heard == []
    assert max(script.asked_bytes) <= MAX_BODY_BYTES


def bits() -> list[int]:
    return [1 << at for at in range(1, 32) if OUR_FLAGS & 1 << at]


@pytest.mark.parametrize("missing", bits())
@pytest.mark.parametrize("terms", [PLAIN, ENCRYPTED])
def test_a_server_without_what_a_session_needs_is_answered_with_nothing(
    missing: int, terms: Terms
) -> None:
    failure, script = refused([greeting(flags=ALL_FLAGS & ~missing), FAST, OK], terms)

    assert failure.stage is Stage.NEGOTIATE
    assert script.heard == []


def test_a_server_without_tls_is_not_talked_to_in_the_open_instead() -> None:
    failure, script = refused([greeting(flags=ALL_FLAGS & ~TLS_FLAG), FAST, OK], ENCRYPTED)

    assert failure.stage is Stage.ENCRYPT
    assert "does not offer TLS" in failure.sentence
    assert '"sslmode": "disable"' in failure.sentence
    assert script.heard == []
    assert script.heard_before_tls is None


@pytest.mark.parametrize("number", [1045, 1698, 3118, 65_535, 0])
def test_an_error_before_the_login_blames_no_credential_and_says_nothing_of_its_own(
    number: int,
) -> None:
    for body in (error(number), error(number, b"")):
        failure, _ = refused([body], ENCRYPTED)

        assert (failure.stage, failure.errno) == (Stage.NEGOTIATE, number)
        assert failure.sqlstate is None
        assert failure.sentence == "The server refused the connection before the login."
        assert "some text" not in str(failure)


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (1040, "max_connections"),
        (1053, "shutting down"),
        (1129, "FLUSH HOSTS"),
        (1130, "this host"),
    ],
)
def test_an_error_before_the_login_that_can_be_true_says_what_to_do(
    number: int, words: str
) -> None:
    failure, _ = refused([error(number, b"")], PLAIN)

    assert words in failure.sentence


@settings(deadline=None, max_examples=200)
@given(st.data())
def test_one_changed_byte_of_a_greeting_changes_the_answer_or_ends_the_login_and_no_more(
    data: st.DataObject,
) -> None:
    at, by = data.draw(st.integers(0, len(WHOLE) - 1)), data.draw(st.integers(1, 255))
    changed = WHOLE[:at] + bytes([WHOLE[at] ^ by]) + WHOLE[at + 1 :]
    script, password = Script([changed, FAST, OK]), bytearray(PASSWORD)

    outcome = outcome_of(a_login(ENCRYPTED, password), script)

    assert isinstance(outcome, LoggedIn) or outcome.stage in {Stage.NEGOTIATE, Stage.ENCRYPT}
    assert len(script.heard) in {0, 1, 2}
    assert script.heard_before_tls in {None, 1}
    assert not any(password)
