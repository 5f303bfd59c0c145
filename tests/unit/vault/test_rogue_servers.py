"""Logins at servers that do wrong, over real sockets: what they hear, and what we say of it."""

import pytest

from tests.harness import rogue_mysql, rogue_postgres
from tests.harness.certificates import Certificates
from tests.harness.rogue import Rogue, RogueServer
from tests.harness.rogue_postgres import SERVER_TEXT
from tests.unit.vault.rogue_logins import (
    OTHER_PASSWORD,
    Machine,
    logged_in,
    mysql_login,
    postgres_login,
    refusal,
    tells_the_password,
)
from vault.login.refusals import Stage
from wire.lending import MysqlSession, PostgresSession

TOO_LATE = "The server did not answer within the time allowed."


def each(*rogues: Rogue) -> pytest.MarkDecorator:
    ids = [f"{one.name}{' (TLS)' if one.starts_tls else ''}" for one in rogues]
    return pytest.mark.parametrize("rogue", rogues, ids=ids)


@each(rogue_postgres.HONEST, rogue_postgres.HONEST_BY_BYTES, rogue_postgres.HONEST_IN_TLS)
def test_an_honest_postgresql_server_lets_us_in(rogue: Rogue, certificates: Certificates) -> None:
    with RogueServer(rogue, certificates) as server:
        session = logged_in(server, postgres_login, certificates).session

    assert isinstance(session, PostgresSession)
    assert b"p=" in server.heard
    assert not tells_the_password(server.heard)


@each(rogue_mysql.HONEST, rogue_mysql.HONEST_BY_BYTES, rogue_mysql.HONEST_IN_TLS)
def test_an_honest_mysql_server_lets_us_in(rogue: Rogue, certificates: Certificates) -> None:
    with RogueServer(rogue, certificates) as server:
        session = logged_in(server, mysql_login, certificates).session

    assert isinstance(session, MysqlSession)
    assert b"caching_sha2_password" in server.heard
    assert not tells_the_password(server.heard)


def require_safe(rogue: Rogue, machine: Machine, certificates: Certificates) -> None:
    """Log in twice, and fail unless that was refused and said nothing that a password decides."""
    failure, heard = refusal(rogue, machine, certificates)
    _, heard_with_another = refusal(rogue, machine, certificates, password=OTHER_PASSWORD)

    assert rogue.stage in (None, failure.stage)
    assert failure.sentence != TOO_LATE
    assert SERVER_TEXT.decode() not in str(failure)
    assert not tells_the_password(heard)
    if not rogue.hears_proof:
        # Whoever leaves with something unread takes back the last that he said.
        both_bytes = min(len(heard), len(heard_with_another))
        assert heard[:both_bytes] == heard_with_another[:both_bytes]


@each(*rogue_postgres.WITHOUT_TLS, *rogue_postgres.WITH_TLS)
def test_a_rogue_postgresql_server_gets_no_session_and_nothing_of_the_password(
    rogue: Rogue, certificates: Certificates
) -> None:
    require_safe(rogue, postgres_login, certificates)


@each(*rogue_mysql.WITHOUT_TLS, *rogue_mysql.WITH_TLS)
def test_a_rogue_mysql_server_gets_no_session_and_nothing_of_the_password(
    rogue: Rogue, certificates: Certificates
) -> None:
    require_safe(rogue, mysql_login, certificates)


def test_where_there_is_no_tls_nothing_but_the_request_for_it_is_said(
    certificates: Certificates,
) -> None:
    (rogue,) = [one for one in rogue_postgres.WITH_TLS if one.name == "says no to TLS"]

    _, heard = refusal(rogue, postgres_login, certificates)

    assert heard == b"\0\0\0\x08\x04\xd2\x16\x2f"


@each(*rogue_postgres.SILENT)
def test_a_silent_postgresql_server_is_left_at_the_deadline(
    rogue: Rogue, certificates: Certificates
) -> None:
    failure, heard = refusal(rogue, postgres_login, certificates, deadline_s=0.4)

    assert failure.sentence == TOO_LATE
    assert rogue.hears_proof == (b"p=" in heard)
    assert not tells_the_password(heard)


@each(*rogue_mysql.SILENT)
def test_a_silent_mysql_server_is_left_at_the_deadline(
    rogue: Rogue, certificates: Certificates
) -> None:
    failure, heard = refusal(rogue, mysql_login, certificates, deadline_s=0.4)

    assert failure.sentence == TOO_LATE
    assert rogue.hears_proof == (b"ann\0" in heard)
    assert not tells_the_password(heard)


def test_the_password_of_a_cold_cache_is_sent_inside_tls(certificates: Certificates) -> None:
    with RogueServer(rogue_mysql.WANTS_PASSWORD_IN_TLS, certificates) as server:
        logged_in(server, mysql_login, certificates)

    assert tells_the_password(server.heard)


def test_a_server_that_does_not_greet_is_one_that_may_speak_no_mysql(
    certificates: Certificates,
) -> None:
    failure, heard = refusal(rogue_mysql.MUTE, mysql_login, certificates, deadline_s=0.4)

    assert failure.stage is Stage.NEGOTIATE
    assert "a MySQL server speaks first" in failure.sentence
    assert heard == b""
