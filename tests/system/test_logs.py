"""What the log of a running system holds, and what it does not, whatever clients send."""

import os
import re
import secrets
from collections.abc import Iterator

import pytest

from tests.harness.canaries import marker, register
from tests.harness.clients import McpClient
from tests.harness.databases import Databases
from tests.harness.postgres import PostgresServer
from tests.harness.system import System
from tests.harness.waiting import until


@pytest.fixture(scope="module")
def databases(postgres: PostgresServer) -> Databases:
    made = Databases(postgres)
    made.add("writer")
    made.add("wrong")
    return made


@pytest.fixture
def system(databases: Databases) -> Iterator[System]:
    wrong = f"wrong-{secrets.token_urlsafe(18)}"
    register("a wrong password", wrong)
    environment = {
        **databases.environment,
        databases.variable("wrong"): f"{databases.role('wrong')}:{wrong}",
    }
    with System(
        configuration={"connections": databases.connections}, credentials=environment
    ) as running:
        yield running


def send_everything(client: McpClient, word: str) -> list[str]:
    """Put *word* wherever a client may put one, with and without success; return the answers."""
    connection_id = client.connect("writer")
    quoted = [
        f"select '{word}' as {word}",
        f"select {word} from {word}",
        f"do $$ begin raise notice '{word}'; raise warning '{word}'; end $$",
        f"do $$ begin raise exception '{word}' using hint = '{word}'; end $$",
        f"select '{word}'::int",
        f"commit; -- {word}",
    ]
    answers = [client.execute(connection_id, statement) for statement in quoted]
    answers += [
        client.execute(connection_id, "select :value as value", value=word),
        client.execute(connection_id, "select :value::int", value=word),
        client.execute(connection_id, "select 1", **{word: word}),
        client.execute(word, "select 1"),
        client.call("connect_named_storage", connection_name=word),
        client.call("connect_named_storage", connection_name="wrong"),
        client.call("connect_storage", storage_type=word, password=word, host=word),
    ]
    return [str(answer) for answer in answers]


@pytest.mark.parametrize("form", ["json", "text"])
def test_nothing_that_clients_send_or_databases_say_is_in_the_log(
    databases: Databases, form: str
) -> None:
    word = marker("a word of a client's")
    with System(
        configuration={"connections": databases.connections},
        credentials=databases.environment,
        options=("--log-format", form),
    ) as system:
        with McpClient.http(system) as client:
            answers = send_everything(client, word)
        system.kill("executor")
        until(lambda: "child_exited" in system.log)
        log = system.log

    assert any(word in answer for answer in answers)
    assert word not in log
    assert "lease_opened" in log


def test_a_failed_login_is_told_without_the_password_and_the_databases_words(
    system: System,
) -> None:
    with McpClient.http(system) as client:
        client.call("connect_named_storage", connection_name="wrong")

    (failed,) = until(lambda: system.events(event="login_failed"))
    assert failed["sqlstate"] == "28P01"
    assert failed["connection"] == "wrong"
    assert isinstance(failed["port"], int)
    assert re.fullmatch(r"vault-1\.\w+", str(failed["process"]))
    assert "authentication failed for user" not in system.log


def test_what_a_process_writes_is_stamped_with_its_own_name(system: System) -> None:
    pid = system.pid_of("gateway")
    # As one that was taken over would: as somebody else, with what a terminal obeys, and a flood.
    forged = (
        b'{"level":"critical","process":"vault-1.0","event":"lease_opened","name":"\\u001b[2J"}'
    )
    if os.geteuid() != 0:
        pytest.skip("writing to another process's standard error needs root")

    with open(f"/proc/{pid}/fd/2", "wb", buffering=0) as stderr:  # noqa: PTH123 - a pipe
        stderr.write(forged + b"\npassword=x\x1b[2J\n")

    (stray,) = until(lambda: system.events(event="stray_output"))
    (found,) = system.events(name="\x1b[2J")
    assert str(found["process"]).startswith("gateway-1.")
    assert (stray["lines"], stray["last"]) == (1, None)
    assert "\x1b" not in system.log
    assert "password=x" not in system.log
