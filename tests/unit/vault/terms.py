"""The terms that a login may have, and a login under them against a scripted server."""

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
from vault.login.postgres import PostgresSession, PostgresTarget, log_in
from vault.login.postgres_authentication import Terms
from vault.login.refusals import LoginRefusedError

TARGET = PostgresTarget(user="änn", database="shop", application_name="strongroom")
USER = TARGET.user.encode()
SALT = b"\x00\xffs\n"
IN_CLEAR = asks(3)
BY_MD5 = asks(5, SALT)
STARTS = KEY + READY

MD5 = Terms(minimum="md5", is_encrypted=False)
MD5_ENCRYPTED = Terms(minimum="md5", is_encrypted=True)
CLEAR = Terms(minimum="password", is_encrypted=False)
CLEAR_ENCRYPTED = Terms(minimum="password", is_encrypted=True)
STRICT_ENCRYPTED = Terms(minimum="scram-sha-256", is_encrypted=True)
ALL_TERMS = (STRICT, STRICT_ENCRYPTED, MD5, MD5_ENCRYPTED, CLEAR, CLEAR_ENCRYPTED)


def a_login(terms: Terms, password: bytearray) -> Machine[PostgresSession]:
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
