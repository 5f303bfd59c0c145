"""Logins at MySQL and MariaDB against any bytes: a session or a refusal, and bounded memory."""

from typing import Final

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.harness.logins import carried
from tests.unit.vault.fuzzing import Endless, peak_bytes, spoiled
from tests.unit.vault.mysql_scripts import (
    ED25519,
    ENCRYPTED,
    FAST,
    FULL,
    NATIVE,
    OK,
    PASSWORD,
    PLAIN,
    SHA256,
    Raw,
    Script,
    a_login,
    error,
    greeting,
    outcome_of,
    packet,
    some_terms,
    switch,
)
from vault.login import mysql
from vault.login.mysql_authentication import Terms
from vault.login.mysql_frames import MAX_BODY_BYTES
from vault.login.refusals import LoginRefusedError
from vault.login.steps import LoggedIn
from wire.names import MysqlAuth

SAID: Final = (
    (greeting(), FAST, OK),
    (greeting(), FULL, OK),
    (greeting(NATIVE), OK),
    (greeting(), switch(NATIVE), OK),
    (greeting(), switch(ED25519), OK),
    (greeting(), switch(SHA256), OK),
    (greeting(), switch(b"mysql_clear_password"), OK),
    (greeting(), error(1045)),
)
"""What servers say to a login, as bodies of packets."""
NATIVE_OR_BETTER: Final[MysqlAuth] = "mysql_native_password"
MESSAGES_MAX: Final = 5
"""TLS, the answer to the greeting, the one to a switch, and two of a password's own."""
PEAK_BYTES: Final = 1 << 20


def spoken(bodies: tuple[bytes, ...], *, starts_tls: bool) -> bytes:
    """Return the packets as a server numbers them."""
    says, number = packet(0, bodies[0]), 3 if starts_tls else 2
    for body in bodies[1:]:
        says += packet(number, body)
        # The client has a say between all but the two of a fast login.
        number += 1 if body == FAST else 2
    return says


@pytest.fixture(scope="module")
def pinned() -> bytes:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048).public_key()
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return key.public_bytes(serialization.Encoding.PEM, form)


def every_terms(pinned: bytes) -> list[Terms]:
    unverified = some_terms(NATIVE_OR_BETTER, starts_tls=True)
    return [PLAIN, ENCRYPTED, unverified, some_terms(NATIVE_OR_BETTER, server_key=pinned)]


@settings(deadline=None, max_examples=400)
@given(data=st.data())
def test_a_spoiled_login_is_a_session_or_a_refusal_and_asks_for_no_more_than_a_packet_holds(
    data: st.DataObject, pinned: bytes
) -> None:
    terms = data.draw(st.sampled_from(every_terms(pinned)))
    honest = spoken(data.draw(st.sampled_from(SAID)), starts_tls=terms.starts_tls)
    script, password = Script([Raw(data.draw(spoiled(honest)))]), bytearray(PASSWORD)

    came = outcome_of(a_login(terms, password), script)

    assert isinstance(came, LoggedIn | LoginRefusedError)
    assert "some text" not in str(came)
    assert not any(password)
    assert len(script.heard) <= MESSAGES_MAX
    assert all(0 < asked <= MAX_BODY_BYTES for asked in script.asked_bytes)
    if not (terms.is_verified and terms.starts_tls):
        assert PASSWORD not in b"".join(script.heard)


@settings(deadline=None, max_examples=300)
@given(data=st.data(), says=st.binary(max_size=200))
def test_bytes_that_are_no_protocol_at_all_never_let_us_in(
    data: st.DataObject, says: bytes, pinned: bytes
) -> None:
    script = Script([Raw(says)])

    came = outcome_of(a_login(data.draw(st.sampled_from(every_terms(pinned)))), script)

    assert isinstance(came, LoginRefusedError)
    assert not script.heard


@pytest.mark.parametrize("bodies", SAID[:6], ids=lambda bodies: repr(bodies[1][:24]))
def test_a_login_that_is_cut_after_any_byte_is_refused(bodies: tuple[bytes, ...]) -> None:
    whole = spoken(bodies, starts_tls=True)
    assert isinstance(outcome_of(a_login(ENCRYPTED), Script([Raw(whole)])), LoggedIn)

    for cut_bytes in range(len(whole)):
        came = outcome_of(a_login(ENCRYPTED), Script([Raw(whole[:cut_bytes])]))

        assert isinstance(came, LoginRefusedError), cut_bytes


@pytest.mark.parametrize(
    ("first", "again"),
    [
        pytest.param(b"", b"\xff\xff\xff\0" + bytes(1000), id="greetings of 16 MiB"),
        pytest.param(b"", packet(0, bytes(MAX_BODY_BYTES)), id="greetings of zeros"),
        pytest.param(packet(0, greeting()), packet(2, FAST), id="fast, and fast again"),
        pytest.param(packet(0, greeting()), packet(2, switch(NATIVE)), id="switches"),
        pytest.param(
            packet(0, greeting()), packet(2, switch(NATIVE, bytes(4000))), id="a long salt"
        ),
        pytest.param(packet(0, greeting()), b"\xff\xff\xff\x02", id="replies of 16 MiB"),
        pytest.param(b"", b"\0", id="zeros"),
    ],
)
def test_a_server_that_never_stops_is_left_and_has_filled_no_memory(
    first: bytes, again: bytes
) -> None:
    server = Endless(first, again)

    peak = peak_bytes(lambda: carried(a_login(PLAIN), server.obey))

    assert peak < PEAK_BYTES
    assert server.given_bytes <= 8 * MAX_BODY_BYTES


@settings(deadline=None, max_examples=200)
@given(says=st.one_of(st.binary(max_size=60), spoiled(packet(1, OK)), spoiled(packet(1, error(9)))))
def test_the_answer_to_a_kill_is_an_answer_or_a_refusal(says: bytes) -> None:
    script = Script([Raw(says)])

    came = outcome_of(mysql.kill(4711, "CONNECTION"), script)

    assert came is None or isinstance(came, LoginRefusedError)
    assert all(0 < asked <= MAX_BODY_BYTES for asked in script.asked_bytes)
