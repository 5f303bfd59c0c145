"""The password itself goes to a verified server where that is allowed, and is overwritten."""

import pytest

from tests.harness.logins import LET_IN, PASSWORD, Script, carried, message
from tests.unit.vault.terms import (
    BY_MD5,
    CLEAR_VERIFIED,
    IN_CLEAR,
    MD5,
    PASSWORDS,
    STARTS,
    a_login,
    heard_of,
    refused,
)
from vault.login.postgres_authentication import Terms
from vault.login.refusals import Stage
from vault.login.steps import Send


@pytest.mark.parametrize("password", PASSWORDS)
def test_only_a_verified_connection_that_allows_it_carries_the_password_itself(
    password: bytes,
) -> None:
    assert heard_of(IN_CLEAR, CLEAR_VERIFIED, password) == [message(b"p", password + b"\0")]


@pytest.mark.parametrize(
    ("says", "terms", "password"),
    [
        pytest.param(BY_MD5, MD5, b"", id="md5, no password"),
        pytest.param(IN_CLEAR, CLEAR_VERIFIED, b"", id="cleartext, no password"),
        pytest.param(IN_CLEAR, CLEAR_VERIFIED, b"one\0two", id="cleartext, a NUL within"),
    ],
)
def test_a_password_that_would_mean_another_one_is_not_sent(
    says: bytes, terms: Terms, password: bytes
) -> None:
    failure, messages = refused(says + LET_IN, terms, password)

    assert failure.stage is Stage.AUTHENTICATE
    assert messages == 1


def test_the_message_with_the_password_is_overwritten_once_it_is_sent() -> None:
    password, server = bytearray(PASSWORD), Script(IN_CLEAR + LET_IN + STARTS)
    sent: list[Send] = []

    def obey(step: object) -> bytes:
        if isinstance(step, Send):
            sent.append(step)
            return b""
        return server.obey(step)  # type: ignore[arg-type] # a machine has no other step

    carried(a_login(CLEAR_VERIFIED, password), obey)

    assert len(sent[1].data) == len(PASSWORD) + 6
    assert not any(sent[1].data[5:])


def test_a_login_abandoned_with_the_password_on_its_way_overwrites_it() -> None:
    password, server = bytearray(PASSWORD), Script(IN_CLEAR)
    login = a_login(CLEAR_VERIFIED, password)
    step = next(login)
    while not isinstance(step, Send) or PASSWORD not in step.data:
        step = login.send(server.obey(step))

    login.close()

    assert not any(step.data[5:])
    assert not any(password)
