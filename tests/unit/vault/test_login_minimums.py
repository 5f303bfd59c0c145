"""A login uses no weaker way than its minimum, whatever the server asks for."""

import hashlib
import hmac
from itertools import product
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.harness.logins import (
    CONTINUE,
    FINAL,
    KEY,
    LET_IN,
    LOGIN,
    NOTICE,
    OFFER,
    PASSWORD,
    READY,
    STRICT,
    Script,
    asks,
    carried,
    error,
    message,
)
from tests.unit.vault.terms import (
    ALL_TERMS,
    BY_MD5,
    CLEAR,
    CLEAR_VERIFIED,
    IN_CLEAR,
    MD5,
    MD5_VERIFIED,
    STARTS,
    STRICT_VERIFIED,
    USER,
    a_login,
    encrypted,
    heard_of,
    refused,
)
from vault.login.postgres_authentication import Terms
from vault.login.refusals import LoginRefusedError, Stage

if TYPE_CHECKING:
    from wire.names import PostgresAuth


@pytest.mark.parametrize("terms", ALL_TERMS)
def test_a_server_that_offers_scram_gets_scram_under_every_minimum(terms: Terms) -> None:
    heard = heard_of(OFFER + CONTINUE + FINAL, terms)

    assert len(heard) == 2
    assert heard[0][5:].startswith(b"SCRAM-SHA-256\0")


@pytest.mark.parametrize(
    ("says", "terms", "words"),
    [
        (BY_MD5, STRICT, ["asks for MD5", "weaker", '"auth": "md5"']),
        (BY_MD5, STRICT_VERIFIED, ["asks for MD5", "weaker", '"auth": "md5"']),
        (IN_CLEAR, STRICT, ["the password itself", "weaker", '"auth": "password"']),
        (IN_CLEAR, STRICT_VERIFIED, ["the password itself", "weaker", '"auth": "password"']),
        (IN_CLEAR, MD5, ["the password itself", "weaker", "verified server"]),
        (IN_CLEAR, MD5_VERIFIED, ["the password itself", "weaker", "verified server"]),
        (IN_CLEAR, CLEAR, ["the password itself", "no TLS shows", "never sent"]),
    ],
)
def test_a_weaker_question_is_refused_with_what_was_asked_and_what_would_allow_it(
    says: bytes, terms: Terms, words: list[str]
) -> None:
    failure, messages = refused(says + LET_IN + STARTS, terms)

    assert failure.stage is Stage.NEGOTIATE
    assert messages == 1
    assert all(word in failure.sentence for word in words)


@pytest.mark.parametrize("terms", ALL_TERMS)
@pytest.mark.parametrize(
    "says",
    [
        pytest.param(LET_IN + STARTS, id="lets anyone in"),
        pytest.param(asks(2), id="Kerberos 5"),
        pytest.param(asks(7), id="GSS"),
        pytest.param(asks(9), id="SSPI"),
        pytest.param(asks(4, b"cs"), id="crypt"),
        pytest.param(asks(10, b"SCRAM-SHA-1\0PLAIN\0\0"), id="weaker mechanisms"),
        pytest.param(asks(10, b"\0"), id="no mechanism"),
        pytest.param(asks(5), id="md5 without a salt"),
        pytest.param(asks(5, b"abc"), id="md5 with a short salt"),
        pytest.param(asks(5, b"abcde"), id="md5 with a long salt"),
        pytest.param(asks(3, b"x"), id="cleartext and more"),
        pytest.param(message(b"R", b"\0\0\0"), id="half a question"),
        pytest.param(NOTICE + BY_MD5, id="a notice before the question"),
        pytest.param(error(b"28000"), id="an error"),
        pytest.param(b"", id="closes"),
    ],
)
def test_what_no_minimum_allows_gets_nothing_derived_from_the_password(
    terms: Terms, says: bytes
) -> None:
    failure, messages = refused(says + LET_IN + STARTS if says else b"", terms)

    assert failure.stage is Stage.NEGOTIATE
    assert messages == 1


@pytest.mark.parametrize("terms", [MD5, CLEAR_VERIFIED])
@pytest.mark.parametrize(
    ("before", "heard"),
    [
        pytest.param(BY_MD5, 2, id="md5"),
        pytest.param(OFFER, 2, id="the offer of SCRAM"),
        pytest.param(OFFER + CONTINUE, 3, id="the challenge of SCRAM"),
    ],
)
@pytest.mark.parametrize(
    "then",
    [
        pytest.param(BY_MD5 + LET_IN, id="md5"),
        pytest.param(IN_CLEAR + LET_IN, id="cleartext"),
        pytest.param(OFFER + CONTINUE, id="SCRAM"),
        pytest.param(READY, id="ready"),
    ],
)
def test_a_server_that_asks_again_in_another_way_gets_no_second_answer(
    terms: Terms, before: bytes, heard: int, then: bytes
) -> None:
    failure, messages = refused(before + then + STARTS, terms)

    assert failure.stage is Stage.AUTHENTICATE
    assert messages == heard


@pytest.mark.parametrize(
    "says",
    [
        pytest.param(BY_MD5 + asks(0, b"x") + STARTS, id="more than a let-in"),
        pytest.param(BY_MD5 + error(b"28P01"), id="refused"),
        pytest.param(BY_MD5, id="closes"),
    ],
)
def test_an_answered_question_alone_starts_no_session(says: bytes) -> None:
    failure, messages = refused(says, MD5)

    assert failure.stage is Stage.AUTHENTICATE
    assert messages == 2


def derived(password: bytes) -> list[bytes]:
    """Return what proves the password, but for a SCRAM proof."""
    inner = hashlib.md5(password + USER, usedforsecurity=False)
    salted = hashlib.pbkdf2_hmac("sha256", password, b"sixteen bytes ok", 4096)
    client_key = hmac.digest(salted, b"Client Key", "sha256")
    return [password, inner.hexdigest().encode(), salted, client_key]


@settings(deadline=None, max_examples=300)
@given(
    st.sampled_from(ALL_TERMS),
    st.sampled_from([b"", BY_MD5, IN_CLEAR, OFFER, BY_MD5 + LET_IN, IN_CLEAR + LET_IN, LOGIN]),
    st.lists(
        st.one_of(
            st.binary(max_size=40),
            st.builds(message, st.sampled_from([b"R", b"S", b"K", b"N", b"Z", b"E"]), st.binary()),
            st.builds(asks, st.integers(0, 13), st.binary(max_size=6)),
            st.sampled_from([BY_MD5, IN_CLEAR, OFFER, CONTINUE, FINAL, LET_IN, KEY, READY]),
        )
    ),
)
def test_whatever_a_server_says_it_gets_no_more_than_the_terms_allow(
    terms: Terms, before: bytes, after: list[bytes]
) -> None:
    says = before + b"".join(after)
    server, password = Script(says), bytearray(PASSWORD)

    try:
        carried(a_login(terms, password), server.obey)
    except LoginRefusedError:
        is_let_in = False
    else:
        is_let_in = True

    heard = b"".join(server.heard)
    permitted = {
        (BY_MD5 + LET_IN): terms.minimum != "scram-sha-256",
        (IN_CLEAR + LET_IN): terms == CLEAR_VERIFIED,
        LOGIN: True,
    }
    any_salt = says[:9] == BY_MD5[:9] and says[13:22] == LET_IN
    if is_let_in:
        assert any(may and says.startswith(how) for how, may in permitted.items()) or (
            any_salt and terms.minimum != "scram-sha-256"
        )
    if terms != CLEAR_VERIFIED or not says.startswith(IN_CLEAR):
        assert not any(secret in heard for secret in derived(PASSWORD))
    if terms.minimum == "scram-sha-256":
        assert b"md5" not in heard
    assert not any(password)
    assert all(asked > 0 for asked in server.asked_bytes)


def test_a_stronger_minimum_never_allows_what_a_weaker_one_refuses() -> None:
    minimums: list[PostgresAuth] = ["scram-sha-256", "md5", "password"]
    allowed: dict[tuple[PostgresAuth, bool], set[bytes]] = {}

    for minimum, is_verified in product(minimums, (False, True)):
        # Encrypted for somebody who may be anybody is as bad as in the open.
        terms = encrypted(Terms(minimum=minimum), is_verified=is_verified)
        ways = (OFFER, BY_MD5, IN_CLEAR, LET_IN)
        allowed[minimum, is_verified] = {way for way in ways if refused(way, terms)[1] == 2}

    assert allowed == {
        ("scram-sha-256", False): {OFFER},
        ("scram-sha-256", True): {OFFER},
        ("md5", False): {OFFER, BY_MD5},
        ("md5", True): {OFFER, BY_MD5},
        ("password", False): {OFFER, BY_MD5},
        ("password", True): {OFFER, BY_MD5, IN_CLEAR},
    }
