"""MySQL servers that are broken, hostile, or none at all."""

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.vault.mysql_scripts import (
    CACHING,
    ED25519,
    ENCRYPTED,
    FAST,
    FULL,
    NATIVE,
    OK,
    PASSWORD,
    PLAIN,
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
from vault.login import mysql
from vault.login.mysql_authentication import Terms
from vault.login.mysql_frames import MAX_BODY_BYTES
from vault.login.refusals import LoginRefusedError, Stage
from vault.login.steps import LoggedIn

WHOLE = greeting()


@pytest.mark.parametrize(
    ("before", "stage"),
    [
        pytest.param([greeting(b"none")], Stage.NEGOTIATE, id="nothing was sent"),
        pytest.param([greeting()], Stage.AUTHENTICATE, id="after the scramble"),
        pytest.param([greeting(), FAST], Stage.AUTHENTICATE, id="after the fast path"),
        pytest.param([greeting(), FULL], Stage.AUTHENTICATE, id="after the password"),
        pytest.param([greeting(), switch(NATIVE)], Stage.AUTHENTICATE, id="after a switch"),
    ],
)
@pytest.mark.parametrize(
    ("number", "words"),
    [
        (1044, "GRANT"),
        (1045, "user name or the password"),
        (1049, "no such database"),
        (1203, "max_user_connections"),
        (1226, "limits"),
        (1251, "before MySQL 4.1"),
        (1524, "load it"),
        (1698, "unix_socket"),
        (1820, "expired"),
        (1862, "expired"),
        (2061, '"sslmode"'),
        (3118, "UNLOCK"),
        (3159, '"sslmode"'),
        (3955, "unlock"),
        (4150, "FLUSH PRIVILEGES"),
        (4151, "UNLOCK"),
        (60_000, "refused the login"),
    ],
)
def test_of_an_error_only_its_codes_are_kept_and_our_sentence_says_what_to_do(
    before: list[bytes], stage: Stage, number: int, words: str
) -> None:
    failure, _ = refused([*before, error(number, b"#42000")], ENCRYPTED)

    assert (failure.stage, failure.sqlstate, failure.errno) == (stage, "42000", number)
    assert words in failure.sentence
    assert "some text" not in f"{failure} {vars(failure)}"
    assert str(failure).endswith(f"(SQLSTATE 42000, error {number})")


@pytest.mark.parametrize("sqlstate", [b"", b"#28p00", b"#2800", b"28000", b"#28\xc300"])
def test_what_does_not_look_like_a_sqlstate_is_dropped(sqlstate: bytes) -> None:
    body = b"\xff" + struct.pack("<H", 1045) + sqlstate

    failure, _ = refused([greeting(), body], PLAIN)

    assert (failure.sqlstate, failure.errno) == (None, 1045)


def test_a_server_that_asks_for_the_login_of_old_is_named_as_such() -> None:
    failure, _ = refused([greeting(), b"\xfe"], PLAIN)

    assert "before MySQL 4.1" in failure.sentence


def test_an_error_that_is_cut_short_is_still_a_refusal() -> None:
    failure, _ = refused([greeting(), b"\xff\x15"], PLAIN)

    assert (failure.sqlstate, failure.errno) == (None, None)
    assert str(failure) == "The server refused the login."


@pytest.mark.parametrize(
    ("says", "stage", "heard"),
    [
        pytest.param([WHOLE], Stage.AUTHENTICATE, 1, id="closes"),
        pytest.param([WHOLE, Raw(packet(3, FAST)), OK], Stage.AUTHENTICATE, 1, id="wrong number"),
        pytest.param([WHOLE, Raw(packet(2, FAST)[:-1])], Stage.AUTHENTICATE, 1, id="cut"),
        pytest.param([WHOLE, b"\x01"], Stage.AUTHENTICATE, 1, id="asks for nothing"),
        pytest.param([WHOLE, b"\x01\x05", OK], Stage.AUTHENTICATE, 1, id="asks for something new"),
        pytest.param([WHOLE, b"\x01\x03\x00", OK], Stage.AUTHENTICATE, 1, id="fast and more"),
        pytest.param([WHOLE, FAST, FAST, OK], Stage.AUTHENTICATE, 1, id="fast twice"),
        pytest.param([WHOLE, FAST, FULL, OK], Stage.AUTHENTICATE, 1, id="fast, then full"),
        pytest.param([WHOLE, FAST, switch(NATIVE), OK], Stage.AUTHENTICATE, 1, id="fast, switch"),
        pytest.param([WHOLE, FAST, b"\0\0\0\2"], Stage.AUTHENTICATE, 1, id="OK cut"),
        pytest.param([WHOLE, FAST, b"\0\xff\0\2\0\0\0"], Stage.AUTHENTICATE, 1, id="OK malformed"),
        pytest.param([WHOLE, FAST, b"\0\xfe\0\2\0\0\0"], Stage.AUTHENTICATE, 1, id="OK too short"),
        pytest.param(
            [WHOLE, FAST, b"\0\0\0\1\0\0\0"], Stage.AUTHENTICATE, 1, id="in a transaction"
        ),
        pytest.param([WHOLE, FAST, b"\0\0\0\x0a\0\0\0"], Stage.AUTHENTICATE, 1, id="more to come"),
        pytest.param([WHOLE, b"\xfe"], Stage.NEGOTIATE, 1, id="the switch of old"),
        pytest.param([WHOLE, b"\xfe" + NATIVE], Stage.NEGOTIATE, 1, id="plugin not ended"),
        pytest.param([WHOLE, switch(NATIVE, b"")], Stage.NEGOTIATE, 1, id="no salt"),
        pytest.param([WHOLE, switch(NATIVE, b"x" * 22)], Stage.NEGOTIATE, 1, id="long salt"),
        pytest.param([WHOLE, switch(ED25519, b"x" * 20)], Stage.NEGOTIATE, 1, id="short salt"),
        pytest.param(
            [WHOLE, switch(NATIVE), switch(NATIVE), OK], Stage.AUTHENTICATE, 2, id="two switches"
        ),
        pytest.param(
            [WHOLE, switch(CACHING), switch(CACHING), FAST, OK],
            Stage.AUTHENTICATE,
            2,
            id="two switches to the same",
        ),
        pytest.param([greeting(NATIVE), FAST, OK], Stage.AUTHENTICATE, 1, id="more for native"),
        pytest.param([greeting(b"none"), FAST, OK], Stage.NEGOTIATE, 1, id="more for nothing"),
        pytest.param([greeting(NATIVE), b"\x0a", OK], Stage.AUTHENTICATE, 1, id="greets again"),
    ],
)
def test_a_step_out_of_its_turn_ends_the_login(
    says: list[bytes | Raw], stage: Stage, heard: int
) -> None:
    failure, script = refused(says, PLAIN)

    assert failure.stage is stage
    assert len(script.heard) == heard


BODIES = st.one_of(
    st.binary(min_size=1, max_size=60),
    st.sampled_from([OK, FAST, FULL, WHOLE, greeting(NATIVE), switch(NATIVE), switch(ED25519)]),
    st.builds(error, st.integers(0, 65_535)),
)
SAID = st.one_of(
    BODIES,
    st.binary(max_size=40).map(Raw),
    st.builds(packet, st.integers(0, 255), BODIES).map(Raw),
)


@settings(deadline=None, max_examples=300)
@given(
    st.sampled_from([PLAIN, ENCRYPTED]),
    st.sampled_from([[], [WHOLE], [WHOLE, FULL], [WHOLE, FAST], [WHOLE, switch(NATIVE)]]),
    st.lists(SAID, max_size=6),
)
def test_whatever_a_server_says_a_login_succeeds_or_is_refused_within_its_limits(
    terms: Terms, before: list[bytes | Raw], after: list[bytes | Raw]
) -> None:
    script, password = Script([*before, *after]), bytearray(PASSWORD)

    outcome = outcome_of(a_login(terms, password), script)

    assert isinstance(outcome, LoggedIn | LoginRefusedError)
    assert script.heard or isinstance(outcome, LoginRefusedError)
    assert "some text" not in str(outcome)
    assert not any(password)
    assert len(script.heard) <= 4
    assert len(script.asked_bytes) <= 8
    assert all(0 < asked <= MAX_BODY_BYTES for asked in script.asked_bytes)


@settings(deadline=None, max_examples=100)
@given(SAID)
def test_whatever_a_server_says_to_a_kill_it_is_an_answer_or_a_refusal(said: bytes | Raw) -> None:
    script = Script([said])

    outcome = outcome_of(mysql.kill(4711, "QUERY"), script)

    assert outcome is None or outcome.stage is Stage.END_SESSION
    assert "some text" not in str(outcome)
    assert len(script.heard) == 1
