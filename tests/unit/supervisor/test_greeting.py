"""What the greeting proposes can be done."""

from pathlib import Path

from supervisor.greeting import Facts, greeting
from supervisor.settings import check_configuration
from supervisor.strict_json import parse_json

SERVER = '{"type": "%s", "host": "%s", "database": "d", "credentialsEnv": "C"}'


def a_greeting(host: str = "localhost", **engines: str) -> str:
    servers = {name: SERVER % (engine, host) for name, engine in engines.items()}
    connections = ", ".join(f'"{name}": {server}' for name, server in servers.items())
    found = parse_json(f'{{"connections": {{{connections}}}}}'.encode())
    facts = Facts(
        configuration=check_configuration(found, path=Path("c.json")),
        members=(),
        run_dir=Path("/run/x"),
        log=None,
        url="http://127.0.0.1:1/mcp",
        token=None,
        script=("strongroom",),
        demo_password_file=None,
    )
    return greeting(facts)


def test_the_query_to_try_is_one_that_can_work() -> None:
    assert "strongroom query second " in a_greeting(first="mysql", second="postgresql")


def test_where_every_query_must_fail_none_is_proposed() -> None:
    shown = a_greeting(first="mysql")

    assert "try it" not in shown
    assert "mcpServers" in shown


def test_an_ipv6_address_stands_in_brackets_before_its_port() -> None:
    assert "  [::1]:5432/d  " in a_greeting("::1", main="postgresql")
