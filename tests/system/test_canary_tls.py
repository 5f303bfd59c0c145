"""No password and no key is left in a relay, which has more of the login in it than any other.

It is the login's own process, that goes on: it has logged in by the password, has encrypted it
where the server wants it in clear, and has proved who it is by the client's private key.
"""

import os
from collections.abc import Iterator, Sequence

import pytest
from trustme import KeyType

from console.scan.needles import Extra
from console.scan.orphans import ORPHAN_ROLE
from console.scan.report import Report, Suspect
from tests.harness.certificates import Certificate, Certificates
from tests.harness.clients import McpClient
from tests.harness.databases import Databases
from tests.harness.eventful import Eventful
from tests.harness.memory import assert_nowhere, private_numbers
from tests.harness.postgres_debian import PostgresTlsServer
from tests.harness.system import System
from tests.harness.waiting import until

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="reading other processes needs root")

CERTIFIED = {"certified": KeyType.ECDSA, "certified_rsa": KeyType.RSA}
WORKING = ("bound", *CERTIFIED, "clear")
FAILING = ("wrong", "nowhere", "untrusted")


@pytest.fixture(scope="module")
def databases(postgres15: PostgresTlsServer, certificates: Certificates) -> Databases:
    made = Databases(postgres15)
    tls = {"sslmode": "verify-full", "sslrootcert": str(certificates.roots)}
    made.add("bound", **tls, channel_binding="require")
    for name in CERTIFIED:
        made.add(name, **tls)
        postgres15.admin_sql(f"grant by_certificate to {made.role(name)}")
    made.add("clear", **tls, auth="password")
    made.add("wrong", **tls)
    made.add("nowhere", **tls)
    made.add("untrusted", **{**tls, "sslrootcert": str(certificates.other_roots)})
    made.connections["nowhere"]["port"] = 1
    made.connections["wrong"]["credentialsEnv"] = "WRONG_ON_PURPOSE"
    postgres15.admin_sql(f"grant in_clear to {made.role('clear')}")
    return made


@pytest.fixture(scope="module")
def client_certificates(certificates: Certificates, databases: Databases) -> dict[str, Certificate]:
    made = {
        name: certificates.client(databases.role(name), key_type)
        for name, key_type in CERTIFIED.items()
    }
    for name, own in made.items():
        databases.connections[name] |= {"sslcert": str(own.chain), "sslkey": str(own.key)}
    return made


@pytest.fixture(scope="module")
def system(databases: Databases, client_certificates: dict[str, Certificate]) -> Iterator[System]:
    environment = dict(databases.environment)
    del environment[databases.variable("wrong")]
    environment["WRONG_ON_PURPOSE"] = f"{databases.role('wrong')}:not{databases.passwords['wrong']}"
    assert all(own.key.exists() for own in client_certificates.values())
    with System(
        configuration={"connections": databases.connections}, credentials=environment
    ) as running:
        yield running


def proved_absent(system: System, secret: bytes, extra: Sequence[Extra]) -> Report:
    """Fail if anything of it is anywhere in the system; return what was looked at."""
    report = assert_nowhere(
        [Suspect(pid=one.pid, role=one.role) for one in system.status().processes],
        secret,
        extra=extra,
        directories=[system.run_dir, system.directory],
    )
    assert all("secretmem" in gap.where for gap in report.unscanned), report.unscanned
    return report


def an_eventful(system: System, databases: Databases) -> Eventful:
    return Eventful(system=system, accounts=databases, sleep="select pg_sleep(20)", failing=FAILING)


@pytest.mark.timeout(180)
def test_after_all_that_can_happen_no_relay_holds_the_password(
    system: System, databases: Databases
) -> None:
    eventful = an_eventful(system, databases)
    spare = [(name, databases.passwords[name].encode()) for name in FAILING]
    for name in WORKING:
        eventful.live(name)

        derived = [*databases.derivatives(name), *spare]
        report = proved_absent(system, databases.passwords[name].encode(), derived)
        assert databases.sessions(name)
        # The vault was killed with its login server, and left a relay behind.
        assert ORPHAN_ROLE in {part.role for part in report.parts}


@pytest.mark.timeout(180)
@pytest.mark.parametrize("name", CERTIFIED)
def test_after_all_that_can_happen_the_clients_private_key_is_nowhere(
    system: System, databases: Databases, client_certificates: dict[str, Certificate], name: str
) -> None:
    an_eventful(system, databases).live(name)

    (_, number), *others = private_numbers(client_certificates[name].key)
    report = proved_absent(system, number, others)
    assert databases.sessions(name)
    assert ORPHAN_ROLE in {part.role for part in report.parts}


def test_what_was_looked_at_were_sessions_in_tls_and_one_with_a_certificate(
    system: System,
) -> None:
    asked = "select ssl, client_serial from pg_stat_ssl where pid = pg_backend_pid()"
    with McpClient.http(system) as client:
        rows = {name: client.execute(client.connect(name), asked)["rows"] for name in WORKING}

    assert rows["bound"] == rows["clear"] == [{"ssl": True, "client_serial": None}]
    assert rows["bound"] not in [rows[name] for name in CERTIFIED]


@pytest.mark.parametrize("name", CERTIFIED)
def test_the_scan_finds_a_key_where_it_is_planted(
    system: System, client_certificates: dict[str, Certificate], name: str
) -> None:
    (_, number), *others = private_numbers(client_certificates[name].key)
    planted = system.directory / "planted"
    planted.write_bytes(client_certificates[name].key.read_bytes())
    try:
        with pytest.raises(AssertionError, match="not proved absent"):
            proved_absent(system, number, others)
    finally:
        planted.unlink()


def test_relays_end_with_the_executor_that_they_serve(system: System, databases: Databases) -> None:
    with McpClient.http(system) as client:
        client.execute(client.connect("bound"), "select 1")
        assert databases.sessions("bound")
        for number in range(2):
            pid = system.kill("executor", number=number)
            system.wait_until_replaced("executor", pid)

        until(lambda: not databases.sessions("bound"))
