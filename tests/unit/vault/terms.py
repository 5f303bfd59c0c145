"""The terms that a login may have, and a login under them against a scripted server."""

from dataclasses import replace

import pytest

from tests.harness.logins import (
    KEY,
    LET_IN,
    NONCE,
    PASSWORD,
    READY,
    STRICT,
    Machine,
    Script,
    asks,
    carried,
)
from tests.unit.vault.making import ODD_PASSWORDS
from vault.login.postgres import PostgresTarget, log_in
from vault.login.postgres_authentication import Terms
from vault.login.refusals import LoginRefusedError
from vault.login.steps import LoggedIn

TARGET = PostgresTarget(user="änn", database="shop", application_name="strongroom")
USER = TARGET.user.encode()
SALT = b"\x00\xffs\n"
IN_CLEAR = asks(3)
BY_MD5 = asks(5, SALT)
STARTS = KEY + READY

MD5 = Terms(minimum="md5")
CLEAR = Terms(minimum="password")
PLAIN_TERMS = (STRICT, MD5, CLEAR)


def encrypted(terms: Terms, *, is_verified: bool = True) -> Terms:
    """Return the same in TLS that begins at once, so that what follows is as it is without."""
    return replace(terms, starts_tls=True, is_direct=True, is_verified=is_verified)


STRICT_VERIFIED, MD5_VERIFIED, CLEAR_VERIFIED = map(encrypted, PLAIN_TERMS)
CLEAR_UNVERIFIED = encrypted(CLEAR, is_verified=False)
ALL_TERMS = (*PLAIN_TERMS, STRICT_VERIFIED, MD5_VERIFIED, CLEAR_VERIFIED, CLEAR_UNVERIFIED)


def a_login(terms: Terms, password: bytearray) -> Machine[LoggedIn]:
    return log_in(TARGET, password, nonce=NONCE, terms=terms)


def heard_of(says: bytes, terms: Terms, password: bytes = PASSWORD) -> list[bytes]:
    """Return what a server that lets us in hears; fail unless the password is zeros afterwards."""
    server, given = Script(says + LET_IN + STARTS), bytearray(password)
    carried(a_login(terms, given), server.obey)
    assert not any(given)
    return server.heard[1:]


def refused(says: bytes, terms: Terms, password: bytes = PASSWORD) -> tuple[LoginRefusedError, int]:
    """Return why, and how many messages the server heard."""
    server, given = Script(says), bytearray(password)
    with pytest.raises(LoginRefusedError) as failure:
        carried(a_login(terms, given), server.obey)
    assert not any(given)
    return failure.value, len(server.heard)


PASSWORDS = [*(word.encode() for word in ODD_PASSWORDS), b"not utf-8: \xe4\xff"]
