import secrets
import socket
from collections.abc import Callable, Iterator

import psycopg
import pytest

from tests.harness.logins import READY, STRICT, carried, message, over
from tests.harness.postgres import PostgresServer
from vault.login.postgres import (
    PostgresTarget,
    cancel,
    end_session,
    log_in,
    terminate,
)
from vault.login.refusals import LoginRefusedError, Stage
from vault.login.steps import LoggedIn
from wire.lending import PostgresSession

WORDS = {
    "one": "x",
    "two": "a1",
    "three": "'\"\\",
    "signs": ":@/%' \"\\",
    "spaces": "  in front and behind  ",
    "long": "correct horse battery staple " * 20,
    "umlauts": "pässwörter",
    "soft hyphen": "pass\u00adword",
    "ordinal": "\u00aa",
    "wide space": "a\u3000b",
    "roman nine": "\u2168",
    "not composed": "e\u0301",
    "Korean": "암호",
    "Hebrew": "\u05d0\u05d1",
    "mixed directions": "\u0627\u0031",
    "control": "ä\u0007",
    "only a soft hyphen": "\u00ad",
    "unassigned": "\u0221",
    "emoji": "🔑🔑",
    "private use": "a\ue000",
}


@pytest.fixture
def dial(postgres: PostgresServer) -> Iterator[Callable[[], socket.socket]]:
    opened: list[socket.socket] = []

    def connect() -> socket.socket:
        opened.append(socket.create_connection((postgres.host, postgres.port), timeout=10))
        return opened[-1]

    yield connect
    for connection in opened:
        connection.close()


def a_real_login(
    connection: socket.socket, user: str, password: bytes, database: str = "postgres"
) -> LoggedIn:
    target = PostgresTarget(user=user, database=database, application_name="strongroom")
    nonce = secrets.token_urlsafe(18)
    machine = log_in(target, bytearray(password), nonce=nonce, terms=STRICT)
    return carried(machine, over(connection))


def a_role(postgres: PostgresServer, password: str | bytes, **options: bool | int | str) -> str:
    name = f"röle {secrets.token_hex(6)}"
    postgres.create_role(name, password, **options)
    return name


@pytest.mark.parametrize(
    "password",
    [
        *(pytest.param(word.encode(), id=name) for name, word in WORDS.items()),
        pytest.param(b"latin-1: \xe4\xf6\xfc", id="not UTF-8"),
        pytest.param(secrets.token_bytes(40).replace(b"\0", b"0"), id="random"),
    ],
)
def test_a_real_server_lets_the_right_password_in_and_refuses_another(
    postgres: PostgresServer, dial: Callable[[], socket.socket], password: bytes
) -> None:
    user = a_role(postgres, password)

    session = a_real_login(dial(), user, password)
    with pytest.raises(LoginRefusedError) as failure:
        a_real_login(dial(), user, password + b"?")

    assert session.session.backend_id > 0
    assert (failure.value.stage, failure.value.sqlstate) == (Stage.AUTHENTICATE, "28P01")


def test_the_session_is_the_one_that_libpq_would_have_got(
    postgres: PostgresServer, dial: Callable[[], socket.socket]
) -> None:
    user = a_role(postgres, "swordfish")

    session = a_real_login(dial(), user, b"swordfish").session

    assert isinstance(session, PostgresSession)
    with postgres.connect(user, "swordfish", "postgres") as theirs:
        reported = {
            name: theirs.pgconn.parameter_status(name)
            for name, _ in session.parameters
            if name != b"application_name"
        }
    ours = dict(session.parameters)
    assert ours.pop(b"application_name") == b"strongroom"
    assert ours == reported
    assert len(ours) > 10


@pytest.mark.parametrize(
    ("case", "stage", "sqlstate"),
    [
        ("no such user", Stage.AUTHENTICATE, "28P01"),
        ("no such database", Stage.START_SESSION, "3D000"),
        ("no more connections", Stage.START_SESSION, "53300"),
        ("may not log in", Stage.START_SESSION, "28000"),
    ],
)
def test_a_real_server_says_why_by_sqlstate(
    postgres: PostgresServer,
    dial: Callable[[], socket.socket],
    case: str,
    stage: Stage,
    sqlstate: str,
) -> None:
    user = a_role(postgres, "tuna", connection_limit=1)
    if case == "no more connections":
        a_real_login(dial(), user, b"tuna")
    if case == "may not log in":
        postgres.admin_sql(f'ALTER ROLE "{user}" NOLOGIN')

    with pytest.raises(LoginRefusedError) as failure:
        a_real_login(
            dial(),
            "nobody" if case == "no such user" else user,
            b"tuna",
            "no-such" if case == "no such database" else "postgres",
        )

    assert (failure.value.stage, failure.value.sqlstate) == (stage, sqlstate)


def test_a_session_is_ended_and_ending_it_again_is_no_refusal(
    postgres: PostgresServer, dial: Callable[[], socket.socket]
) -> None:
    user = a_role(postgres, "eel")
    victim = dial()
    session = a_real_login(victim, user, b"eel")
    killer = dial()
    a_real_login(killer, user, b"eel")

    carried(end_session(session.session.backend_id), over(killer))
    last_words = b"".join(iter(lambda: victim.recv(4096), b""))
    # Raises where it is refused.
    carried(end_session(session.session.backend_id), over(killer))

    assert b"C57P01\0" in last_words


def test_ending_somebody_elses_session_is_refused_by_the_server(
    postgres: PostgresServer, dial: Callable[[], socket.socket]
) -> None:
    victim = a_real_login(dial(), a_role(postgres, "cod"), b"cod")
    killer = dial()
    a_real_login(killer, a_role(postgres, "ray"), b"ray")

    with pytest.raises(LoginRefusedError) as failure:
        carried(end_session(victim.session.backend_id), over(killer))

    assert (failure.value.stage, failure.value.sqlstate) == (Stage.END_SESSION, "42501")


def test_a_cancel_request_ends_the_statement_that_runs(
    postgres: PostgresServer, dial: Callable[[], socket.socket]
) -> None:
    connection = dial()
    session = a_real_login(connection, a_role(postgres, "gar"), b"gar")
    connection.sendall(message(b"Q", b"SELECT pg_sleep(600)\0"))
    sleepers = "SELECT pid FROM pg_stat_activity WHERE wait_event = 'PgSleep'"
    while (session.session.backend_id,) not in postgres.admin_sql(sleepers):
        pass  # every look is a round trip to the server

    request = cancel(session.session.backend_id, session.cancel_key, terms=STRICT)
    carried(request, over(dial()))

    seen = b""
    while not seen.endswith(READY):
        seen += connection.recv(4096)
    assert b"C57014\0" in seen


def test_terminate_ends_the_session_without_a_word(
    postgres: PostgresServer, dial: Callable[[], socket.socket]
) -> None:
    connection = dial()
    a_real_login(connection, a_role(postgres, "ide"), b"ide")

    connection.sendall(terminate())

    assert connection.recv(1) == b""


def test_no_password_reaches_the_servers_log(
    postgres: PostgresServer, dial: Callable[[], socket.socket]
) -> None:
    password = secrets.token_urlsafe(20)
    user = a_role(postgres, password)
    a_real_login(dial(), user, password.encode())

    with pytest.raises(psycopg.OperationalError):
        postgres.connect(user, password[::-1], "postgres")

    log = postgres.log.read_text()
    assert "password authentication failed" in log
    assert password not in log
    assert password[::-1] not in log
