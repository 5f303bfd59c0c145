"""Connections whose servers lie: what client, operator and server get to know, and what is left."""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Final

import pytest

from tests.harness import rogue_mysql, rogue_postgres
from tests.harness.certificates import Certificates
from tests.harness.clients import Fields, McpClient, fault_of
from tests.harness.logins import PASSWORD
from tests.harness.memory import find_descendants
from tests.harness.processes import descriptors_of
from tests.harness.rogue import Rogue, RogueServer
from tests.harness.rogue_postgres import SERVER_TEXT
from tests.harness.system import System
from tests.harness.waiting import settled, until
from tests.unit.vault.rogue_logins import TLS_HANDSHAKE, tells_the_password

USER: Final = "ann"
SAYS_AN_ERROR: Final = "says an error"
TOLD: Final = {"database", "port", "connection", "credential", "host", "sentence", "stage"}


@dataclass(frozen=True, kw_only=True)
class Liar:
    """A rogue, and the connection that is configured for it."""

    name: str
    engine: str
    rogue: Rogue

    def connection(self, port: int, certificates: Certificates) -> dict[str, object]:
        """Return what an operator would have written."""
        tls = {"sslmode": "verify-full", "sslrootcert": str(certificates.roots)}
        is_bound = self.engine == "postgresql" and self.rogue.starts_tls
        return {
            "type": self.engine,
            "host": RogueServer.host,
            "port": port,
            "database": "shop",
            # Each has its own: a password that is refused three times is left alone.
            "credentialsEnv": self.variable,
            **(tls if self.rogue.starts_tls else {}),
            **({"channel_binding": self.rogue.channel_binding} if is_bound else {}),
        }

    @property
    def variable(self) -> str:
        """Return the variable that has its credentials."""
        return f"{self.name.upper()}_WORDS"


def table(engine: str, *rogues: Rogue) -> list[Liar]:
    return [
        Liar(name=f"{engine}{number}", engine=engine, rogue=rogue)
        for number, rogue in enumerate(rogues)
    ]


LIARS: Final = (
    *table("postgresql", *rogue_postgres.WITHOUT_TLS, *rogue_postgres.WITH_TLS),
    *table("mysql", *rogue_mysql.WITHOUT_TLS, *rogue_mysql.WITH_TLS),
)


@pytest.fixture(scope="module")
def servers(certificates: Certificates) -> Iterator[dict[str, RogueServer]]:
    with ExitStack() as stack:
        yield {
            liar.name: stack.enter_context(RogueServer(liar.rogue, certificates)) for liar in LIARS
        }


@pytest.fixture(scope="module")
def system(servers: dict[str, RogueServer], certificates: Certificates) -> Iterator[System]:
    connections = {
        liar.name: liar.connection(servers[liar.name].port, certificates) for liar in LIARS
    }
    words = {liar.variable: f"{USER}:{PASSWORD.decode()}" for liar in LIARS}
    with System(configuration={"connections": connections}, credentials=words) as running:
        yield running


@pytest.fixture(scope="module")
def at_first(system: System) -> dict[str, int]:
    """How much of everything there is before the first lie."""
    return settled(lambda: held(system))


@pytest.fixture(scope="module")
def client(system: System, at_first: dict[str, int]) -> Iterator[McpClient]:
    assert at_first["loans"] == 0
    with McpClient.http(system) as made:
        yield made


def held(system: System) -> dict[str, int]:
    """Return how much vault and login server have, when none of their logins runs."""
    status = system.status()
    return {
        "descriptors of the vault": len(descriptors_of(system.pid_of("vault"))),
        "descriptors of the login server": len(descriptors_of(system.pid_of("login-server"))),
        "logins": len(find_descendants(system.pid_of("login-server"))),
        "logins under way": sum(int(str(one)) for one in (status.logins or {}).values()),
        "loans": len(status.loans or []),
        "leases": len(status.leases or []),
    }


def lines_of(system: System, liar: Liar) -> list[Fields]:
    """Return what the log has of a connection, so far."""
    return system.events(connection=liar.name)


@pytest.mark.parametrize(
    "liar",
    LIARS,
    ids=[f"{one.name} {one.rogue.name}{' (TLS)' * one.rogue.starts_tls}" for one in LIARS],
)
def test_a_liar_is_told_nothing_and_told_of_to_the_operator_alone(
    liar: Liar, system: System, client: McpClient, servers: dict[str, RogueServer]
) -> None:
    answer = client.call("connect_named_storage", connection_name=liar.name)
    server = servers[liar.name]
    server.wait_until_left()

    fault = fault_of(answer)
    assert fault == what_clients_hear(liar, fault)
    line = until(lambda: lines_of(system, liar))[0]
    assert line["event"] == "login_failed"
    assert liar.rogue.stage is None or line["stage"] == liar.rogue.stage.value
    assert {name for name in TOLD if line[name]} == TOLD
    assert str(line["sentence"]) not in json.dumps(answer)
    assert SERVER_TEXT.decode() not in system.log + json.dumps(answer)
    require_unheard(liar, server)


def what_clients_hear(liar: Liar, fault: Fields) -> Fields:
    """Return what the client hears of every liar."""
    if liar.rogue.stage is None and fault["code"] == "database_unreachable":
        # It may cut the connection so early that there never was one.
        return fault
    return {
        "code": "login_failed",
        "hint": "The operator's log names the stage and the reason.",
    }


def require_unheard(liar: Liar, server: RogueServer) -> None:
    """Fail if the server heard anything that a password decides, but for a proof that it may."""
    assert server.conversations
    assert not tells_the_password(server.heard)
    for one in server.conversations:
        assert one.hello[:1] in (b"", TLS_HANDSHAKE)
    if not liar.rogue.hears_proof:
        proof = b",p=" if liar.engine == "postgresql" else USER.encode() + b"\0"
        assert proof not in server.heard


@pytest.mark.parametrize(
    ("engine", "sqlstate", "errno"), [("postgresql", "XX000", None), ("mysql", "28000", 1045)]
)
def test_what_a_server_says_of_an_error_comes_to_the_operator_as_its_number(
    engine: str, sqlstate: str, errno: int | None, system: System, client: McpClient
) -> None:
    (liar,) = [one for one in LIARS if one.engine == engine and one.rogue.name == SAYS_AN_ERROR]
    client.call("connect_named_storage", connection_name=liar.name)

    line = until(lambda: lines_of(system, liar))[0]

    assert (line["sqlstate"], line["errno"]) == (sqlstate, errno)


def test_no_descriptor_no_process_and_no_loan_is_left_of_all_that(
    system: System, client: McpClient, at_first: dict[str, int]
) -> None:
    for liar in LIARS:
        client.call("connect_named_storage", connection_name=liar.name)

    until(lambda: held(system) == at_first)
