"""Logins at PostgreSQL against any bytes: a session or a refusal, and bounded memory."""

from contextlib import suppress
from dataclasses import replace
from itertools import product
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.harness.certificates import Certificates
from tests.harness.logins import (
    CONTINUE,
    FINAL,
    KEY,
    LET_IN,
    LOGIN,
    NOTICE,
    OFFER,
    PARAMETER,
    PASSWORD,
    READY,
    STRICT,
    Script,
    asks,
    carried,
    message,
)
from tests.unit.vault.fuzzing import Endless, peak_bytes, spoiled
from tests.unit.vault.terms import ALL_TERMS, BY_MD5, IN_CLEAR, STARTS, a_login
from vault.login.channel_binding import end_point_hash
from vault.login.postgres import cancel, end_session
from vault.login.postgres_authentication import Terms
from vault.login.postgres_frames import LIMITS_BYTES
from vault.login.refusals import LoginRefusedError
from vault.login.steps import LoggedIn

ASKED_FIRST: Final = replace(STRICT, starts_tls=True, is_verified=True)
"""The terms of a connection with TLS that is asked for, and does not begin at once."""
EVERY_TERMS: Final = (*ALL_TERMS, ASKED_FIRST, replace(ASKED_FIRST, channel_binding="require"))

SESSION: Final = PARAMETER * 3 + NOTICE + KEY + READY
HONEST: Final = (
    LOGIN + SESSION,
    b"S" + LOGIN + SESSION,
    BY_MD5 + LET_IN + STARTS,
    IN_CLEAR + LET_IN + STARTS,
)
PEAK_BYTES: Final = 1 << 20
"""What a server may make a login keep, many times over what an honest one does."""


def outcome(terms: Terms, server: Script) -> LoggedIn | LoginRefusedError:
    """Return what comes of a login, whose password must be zeros afterwards."""
    password = bytearray(PASSWORD)
    try:
        return carried(a_login(terms, password), server.obey)
    except LoginRefusedError as refusal:
        return refusal
    finally:
        assert not any(password)


@settings(deadline=None, max_examples=400)
@given(terms=st.sampled_from(EVERY_TERMS), says=st.sampled_from(HONEST).flatmap(spoiled))
def test_a_spoiled_login_is_a_session_or_a_refusal_and_asks_for_no_more_than_messages_hold(
    terms: Terms, says: bytes
) -> None:
    server = Script(says)

    came = outcome(terms, server)

    assert isinstance(came, LoggedIn | LoginRefusedError)
    assert "some text" not in str(came)
    assert max(server.asked_bytes, default=1) <= max(LIMITS_BYTES.values())
    assert all(asked > 0 for asked in server.asked_bytes)
    assert len(server.heard) <= 4


@settings(deadline=None, max_examples=300)
@given(terms=st.sampled_from(EVERY_TERMS), says=st.binary(max_size=200))
def test_bytes_that_are_no_protocol_at_all_never_let_us_in(terms: Terms, says: bytes) -> None:
    server = Script(says)

    came = outcome(terms, server)

    assert isinstance(came, LoginRefusedError)
    assert len(server.heard) <= 2


@pytest.mark.parametrize("before", [b"", b"S"], ids=["in the open", "TLS"])
def test_a_login_that_is_cut_after_any_byte_is_refused(before: bytes) -> None:
    terms, whole = (ASKED_FIRST if before else STRICT), before + LOGIN + SESSION
    assert isinstance(outcome(terms, Script(whole)), LoggedIn)

    for cut_bytes in range(len(whole)):
        came = outcome(terms, Script(whole[:cut_bytes]))

        assert isinstance(came, LoginRefusedError), cut_bytes


# cryptography's own, of a certificate's number that is not positive.
@pytest.mark.filterwarnings("ignore:Parsed a serial number")
@settings(deadline=None, max_examples=300)
@given(data=st.data())
def test_a_certificate_of_any_bytes_is_a_binding_a_refusal_or_none(
    certificates: Certificates, data: st.DataObject
) -> None:
    kinds = (certificates.rsa, certificates.ecdsa, certificates.ed25519)
    shown = data.draw(spoiled(data.draw(st.sampled_from(kinds)).der))
    terms = data.draw(st.sampled_from([ASKED_FIRST, EVERY_TERMS[-1]]))

    hashed = end_point_hash(shown)
    came = outcome(terms, Script(b"S" + OFFER + CONTINUE + FINAL, certificate=shown))

    assert hashed is None or 20 <= len(hashed) <= 64
    assert isinstance(came, LoginRefusedError)


@pytest.mark.filterwarnings("ignore:Parsed a serial number")
def test_a_certificate_with_any_one_bit_turned_binds_or_names_no_hash(
    certificates: Certificates,
) -> None:
    # Among them are versions that nobody knows, and that TLS takes where it verifies nothing.
    der = certificates.ecdsa.der

    for at, by in product(range(len(der)), (1 << bit for bit in range(8))):
        hashed = end_point_hash(der[:at] + bytes([der[at] ^ by]) + der[at + 1 :])

        assert hashed is None or 20 <= len(hashed) <= 64


@pytest.mark.parametrize(
    ("first", "again"),
    [
        pytest.param(LOGIN, NOTICE, id="notices"),
        pytest.param(LOGIN, message(b"N", b"M" + b"x" * 29_000 + b"\0"), id="long notices"),
        pytest.param(LOGIN, PARAMETER, id="parameters"),
        pytest.param(LOGIN, message(b"S", b"p\0" + b"x" * 29_000 + b"\0"), id="long parameters"),
        pytest.param(LOGIN, KEY, id="keys"),
        pytest.param(OFFER, CONTINUE, id="challenges"),
        pytest.param(OFFER, OFFER, id="offers"),
        pytest.param(b"", asks(10, b"SCRAM-SHA-1\0" * 150 + b"\0"), id="mechanisms"),
        pytest.param(b"", b"E\x7f\xff\xff\xff", id="an error of two gigabytes"),
        pytest.param(LOGIN, b"S\x7f\xff\xff\xff", id="a parameter of two gigabytes"),
        pytest.param(b"", b"\0", id="zeros"),
    ],
)
def test_a_server_that_never_stops_is_left_and_has_filled_no_memory(
    first: bytes, again: bytes
) -> None:
    server = Endless(first, again)

    peak = peak_bytes(lambda: carried(a_login(STRICT, bytearray(PASSWORD)), server.obey))

    assert peak < PEAK_BYTES
    assert server.given_bytes < 4 << 20


@settings(deadline=None, max_examples=200)
@given(
    says=st.one_of(
        st.binary(max_size=120),
        spoiled(message(b"T", bytes(20)) + message(b"D", b"\0\1\0\0\0\1t") + NOTICE + READY),
    )
)
def test_the_answer_to_the_end_of_another_session_is_an_answer_or_a_refusal(says: bytes) -> None:
    server = Script(says)

    with suppress(LoginRefusedError):
        carried(end_session(4711), server.obey)

    assert b"pg_terminate_backend(4711)" in b"".join(server.heard)
    assert max(server.asked_bytes) <= max(LIMITS_BYTES.values())


@settings(deadline=None, max_examples=100)
@given(says=st.binary(max_size=10))
def test_whatever_is_said_to_a_cancel_that_wants_tls_the_key_is_sent_inside_it_or_not_at_all(
    says: bytes,
) -> None:
    server = Script(says)

    try:
        carried(cancel(4711, b"\0key", terms=ASKED_FIRST), server.obey)
    except LoginRefusedError:
        assert b"key" not in b"".join(server.heard)
    else:
        assert says.startswith(b"S")
        assert b"key" not in b"".join(server.in_the_open or [])
