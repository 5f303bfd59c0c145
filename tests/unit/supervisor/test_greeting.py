"""What the greeting proposes can be done."""

from dataclasses import replace
from pathlib import Path

import pytest

from supervisor.greeting import Facts, greeting
from supervisor.settings import check_configuration
from supervisor.strict_json import parse_json

SERVER = '{"type": "%s", "host": "%s", "database": "d", "credentialsEnv": "C"}'


def some_facts(host: str = "localhost", **engines: str) -> Facts:
    servers = {name: SERVER % (engine, host) for name, engine in engines.items()}
    connections = ", ".join(f'"{name}": {server}' for name, server in servers.items())
    found = parse_json(f'{{"connections": {{{connections}}}}}'.encode())
    return Facts(
        configuration=check_configuration(found, path=Path("c.json")),
        members=(),
        run_dir=Path("/run/x"),
        log=None,
        url="http://127.0.0.1:1/mcp",
        token=None,
        script=("strongroom",),
        demo_password_file=None,
    )


def a_greeting(host: str = "localhost", **engines: str) -> str:
    return greeting(some_facts(host, **engines))


def test_the_query_to_try_is_at_the_first_connection_of_whatever_kind() -> None:
    assert "strongroom query first " in a_greeting(first="mysql", second="postgresql")
    assert "strongroom query second " in a_greeting(second="postgresql", first="mysql")


@pytest.mark.parametrize("engine", ["postgresql", "mysql"])
def test_how_each_connection_is_encrypted_is_shown(engine: str) -> None:
    here, elsewhere = a_greeting(main=engine), a_greeting("db.example.com", main=engine)

    assert "/d  no TLS  read-write  agents may read and write" in here
    assert "/d  TLS verify-full  read-write  agents may read and write" in elsewhere


def test_a_unix_socket_is_shown_without_a_port() -> None:
    assert "  /run/postgresql d  no TLS  " in a_greeting("/run/postgresql", main="postgresql")


def test_the_demos_proof_has_whose_password_it_is() -> None:
    facts = some_facts(demo="postgresql", demo_rw="postgresql")

    shown = greeting(replace(facts, demo_password_file=Path("/d/p"), demo_user="reader"))

    assert "prove --secret-file /d/p --connection demo --user reader --run-dir /run/x" in shown


def test_an_ipv6_address_stands_in_brackets_before_its_port() -> None:
    assert "  [::1]:5432/d  " in a_greeting("::1", main="postgresql")
