"""MD5 and cleartext at real servers, old and new: what a login gives them, and what never."""

import hashlib
import secrets
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

import pytest

from tests.harness.login_desk import Desk
from tests.harness.postgres import PostgresServer
from tests.harness.recording import Recording, recorded
from tests.harness.sessions import Session, take_handover
from tests.unit.vault.making import HANDLE, ODD_PASSWORDS
from wire.lending import Delivered, LoginDone, LoginFailed, OpenSession, Target, TryLogin
from wire.packets import socket_pair

if TYPE_CHECKING:
    from wire.names import Auth

OLD_SERVER: Final = Path("/usr/lib/postgresql/15/bin")
RULES: Final = (
    "host all +by_md5 127.0.0.1/32 md5",
    "host all +in_clear 127.0.0.1/32 password",
    "host all +trusted 127.0.0.1/32 trust",
)
Group = Literal["by_md5", "in_clear", "trusted"]


@dataclass
class Server:
    """A real server with a group for each way to ask, and all that goes to it on record."""

    postgres: PostgresServer
    recording: Recording

    def role(self, group: Group, password: str | bytes, *, stored: str = "md5") -> str:
        name = f"röle {secrets.token_hex(6)}"
        if stored == "md5":
            self.postgres.create_md5_role(name, password, in_role=group)
        else:
            self.postgres.create_role(name, password, in_role=group)
        return name

    def target(self, role: str, auth: "Auth") -> Target:
        return Target(
            engine="postgresql",
            host="127.0.0.1",
            port=self.recording.port,
            database="postgres",
            user=role,
            auth=auth,
        )

    def a_try(self, role: str, auth: "Auth") -> TryLogin:
        return TryLogin(target=self.target(role, auth), deadline_ms=10_000)


def old_programs() -> Path:
    if not OLD_SERVER.exists():
        pytest.skip("PostgreSQL 15 is not installed")
    return OLD_SERVER


@pytest.fixture(scope="module", params=["today's", "PostgreSQL 15"])
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    binaries = old_programs() if request.param == "PostgreSQL 15" else None
    with ExitStack() as stack:
        postgres = stack.enter_context(PostgresServer(rules=RULES, binaries=binaries))
        for group in ("by_md5", "in_clear", "trusted"):
            postgres.admin_sql(f"create role {group} nologin")
        recording = stack.enter_context(recorded(postgres.host, postgres.port))
        yield Server(postgres, recording)


@pytest.fixture(scope="module")
def desk() -> Iterator[Desk]:
    with Desk() as made:
        yield made


def a_password() -> str:
    return f":@/%' \"\\é{secrets.token_urlsafe(12)}"


@pytest.mark.parametrize("password", ODD_PASSWORDS)
def test_a_role_of_old_logs_in_by_md5_where_the_connection_allows_it(
    desk: Desk, server: Server, password: str
) -> None:
    role = server.role("by_md5", password)

    outcomes = [desk.do(server.a_try(role, auth), password) for auth in ("md5", "password")]
    wrong = desk.do(server.a_try(role, "md5"), password + "?")

    assert outcomes == [LoginDone(), LoginDone()]
    assert isinstance(wrong, LoginFailed)
    assert (wrong.stage, wrong.sqlstate, wrong.blames_credential) == ("authenticate", "28P01", True)


def test_a_session_that_began_by_md5_is_handed_over_and_works(desk: Desk, server: Server) -> None:
    password = a_password()
    role = server.role("by_md5", password)
    order = OpenSession(target=server.target(role, "md5"), handle=HANDLE, deadline_ms=10_000)
    ours, theirs = socket_pair()

    with ours, theirs:
        desk.submit(order, password, theirs)
        done = desk.outcome()
        session = take_handover(ours)

    assert isinstance(done, LoginDone)
    assert isinstance(session, Session)
    assert desk.outcome() == Delivered()
    assert session.value("select current_user") == role.encode()
    session.close()


@pytest.mark.parametrize("auth", ["scram-sha-256", "md5", "password"])
def test_a_role_of_today_logs_in_by_scram_even_where_the_server_says_md5(
    desk: Desk, server: Server, auth: "Auth"
) -> None:
    password = a_password()
    role = server.role("by_md5", password, stored="scram-sha-256")
    before = len(server.recording.from_clients)

    outcome = desk.do(server.a_try(role, auth), password)

    said = bytes(server.recording.from_clients[before:])
    assert outcome == LoginDone()
    assert b"SCRAM-SHA-256\0" in said
    assert b"md5" not in said


def test_a_server_that_asks_for_md5_gets_nothing_where_the_minimum_is_scram(
    desk: Desk, server: Server
) -> None:
    password = a_password()
    role = server.role("by_md5", password)
    before = len(server.recording.from_clients)

    failed = desk.do(server.a_try(role, "scram-sha-256"), password)

    said = bytes(server.recording.from_clients[before:])
    assert isinstance(failed, LoginFailed)
    assert (failed.stage, failed.blames_credential) == ("negotiate", False)
    assert "asks for MD5" in failed.sentence
    assert '"auth": "md5"' in failed.sentence
    assert only_a_start_up(said, role)


@pytest.mark.parametrize("auth", ["scram-sha-256", "md5", "password"])
@pytest.mark.parametrize("stored", ["scram-sha-256", "md5"])
def test_a_server_that_asks_for_the_password_itself_gets_not_a_byte_of_it(
    desk: Desk, server: Server, auth: "Auth", stored: str
) -> None:
    password = a_password()
    role = server.role("in_clear", password, stored=stored)
    before = len(server.recording.from_clients)

    failed = desk.do(server.a_try(role, auth), password)

    said = bytes(server.recording.from_clients[before:])
    assert isinstance(failed, LoginFailed)
    assert (failed.stage, failed.blames_credential) == ("negotiate", False)
    assert "the password itself" in failed.sentence
    assert ("no TLS shows" in failed.sentence) is (auth == "password")
    assert only_a_start_up(said, role)


@pytest.mark.parametrize("auth", ["scram-sha-256", "md5", "password"])
def test_a_server_that_asks_for_nothing_is_refused_under_every_minimum(
    desk: Desk, server: Server, auth: "Auth"
) -> None:
    password = a_password()
    role = server.role("trusted", password)
    before = len(server.recording.from_clients)

    failed = desk.do(server.a_try(role, auth), password)

    assert isinstance(failed, LoginFailed)
    assert failed.stage == "negotiate"
    assert "lets anyone in" in failed.sentence
    assert only_a_start_up(bytes(server.recording.from_clients[before:]), role)


def test_what_passes_the_wire_by_md5_is_the_answer_and_not_the_stored_hash(
    desk: Desk, server: Server
) -> None:
    password = a_password()
    role = server.role("by_md5", password)
    before = len(server.recording.from_clients)

    assert desk.do(server.a_try(role, "md5"), password) == LoginDone()

    said = bytes(server.recording.from_clients[before:])
    stored = hashlib.md5(f"{password}{role}".encode(), usedforsecurity=False)
    assert said.count(b"p\0\0\0\x28md5") == 1
    assert stored.hexdigest().encode() not in said
    assert stored.digest() not in said
    assert password.encode() not in said


def only_a_start_up(said: bytes, role: str) -> bool:
    """Return whether these bytes are one start-up message for *role*, and nothing else."""
    return (
        int.from_bytes(said[:4], "big") == len(said)
        and said[4:8] == b"\0\3\0\0"
        and b"user\0" + role.encode() + b"\0" in said
    )
