"""The examples: the agent runs, settings say what `up` prints, the unit what `up` takes."""

import argparse
import configparser
import json
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from console.commands import up
from console.commands.stdio import add_arguments as add_stdio_arguments
from tests.harness.canaries import hand_in
from tests.harness.clients import McpClient
from tests.harness.databases import Databases
from tests.harness.postgres import PostgresServer
from tests.harness.system import ROOT, START_S, STOP_S, System, free_port
from tests.harness.waiting import until

CLIENTS = sorted((ROOT / "examples" / "clients").glob("*.json"))
PRINTED = re.compile(r'^  (\{"mcpServers": .*\})$', re.MULTILINE)
PLACEHOLDER = re.compile(
    r"Bearer (TOKEN|\$\{(env:)?STRONGROOM_TOKEN\}|\$\{input:strongroom-token\})"
)


@dataclass
class Demo:
    """The demo as `strongroom up` makes it."""

    directory: Path
    port: int

    @property
    def output(self) -> str:
        return (self.directory / "output").read_text()


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    made = Demo(tmp_path_factory.mktemp("demo"), free_port())
    environment = System(configuration={}).environment()
    command = [sys.executable, "-P", "-m", "console", "up", "--listen", f"127.0.0.1:{made.port}"]
    with (
        (made.directory / "output").open("wb") as output,
        (made.directory / "errors").open("wb") as errors,
        subprocess.Popen(
            [*command, "--run-dir", str(made.directory / "run"), "--executors", "1"],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=errors,
            env=environment,
        ) as process,
    ):
        try:
            until(lambda: process.poll() is not None or "\nready" in made.output, within_s=START_S)
            yield made
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(STOP_S)
            hand_in("errors of the demo", (made.directory / "errors").read_bytes())


def test_the_agent_answers_a_question_from_the_demo(demo: Demo) -> None:
    agent = ROOT / "examples" / "agent.py"
    url, token = f"http://127.0.0.1:{demo.port}/mcp", demo.directory / "run" / "token"

    ran = subprocess.run(
        [sys.executable, "-P", str(agent), url, str(token)],
        env={},
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )

    assert ran.stderr == ""
    assert re.fullmatch(
        r"Which three books cost most\? \(with \d+ tools at hand\): "
        r"\[(\{'title': '[^']+', 'price': '?[\d.]+'?\}(, )?){3}\]\n",
        ran.stdout,
    )


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ((), "usage: agent.py URL TOKEN_FILE\n"),
        (("u", "/nowhere"), "agent.py: /nowhere: No such file or directory\n"),
        (("nowhere", "/dev/null"), "agent.py: no system at nowhere that takes this token\n"),
        (("http://[", "/dev/null"), "agent.py: no system at http://[ that takes this token\n"),
    ],
    ids=["nothing", "path", "name", "url"],
)
def test_an_agent_without_a_system_ends_with_a_sentence(
    arguments: tuple[str, ...], sentence: str
) -> None:
    ran = subprocess.run(
        [sys.executable, "-P", str(ROOT / "examples" / "agent.py"), *arguments],
        env={},
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )

    assert (ran.returncode, ran.stdout, ran.stderr) == (1, "", sentence)


def test_the_loop_itself_is_twenty_lines() -> None:
    text = (ROOT / "examples" / "agent.py").read_text()
    (loop,) = re.findall(r"^async def agent.*?(?=^@)", text, re.MULTILINE | re.DOTALL)

    assert len(loop.strip().splitlines()) <= 20


def printed(demo: Demo) -> tuple[dict[str, object], dict[str, object]]:
    """Return the settings that the greeting shows: over HTTP, and over standard streams."""
    http, stdio = (json.loads(found) for found in PRINTED.findall(demo.output))
    return http["mcpServers"]["strongroom"], stdio["mcpServers"]["strongroom"]


@pytest.mark.parametrize("path", CLIENTS, ids=lambda path: path.stem)
def test_a_clients_settings_say_what_the_greeting_prints(demo: Demo, path: Path) -> None:
    http, stdio = printed(demo)
    roots = {"claude": "mcpServers", "cursor": "mcpServers", "vscode": "servers"}
    root = roots.get(re.split(r"[-.]", path.name)[0], "context_servers")

    (server,) = json.loads(path.read_text())[root].values()

    if path.name.endswith(".http.json"):
        assert server["url"] == str(http["url"]).replace(str(demo.port), "8765")
        assert server["url"] == f"http://{up.DEFAULT_LISTEN}/mcp"
        (header,) = server["headers"].items()
        assert header[0] == "Authorization"
        assert PLACEHOLDER.fullmatch(header[1])
        assert set(server) <= {"type", "url", "headers"}
    else:
        assert server["command"].startswith("/")
        assert Path(server["command"]).name == "strongroom"
        arguments = stdio["args"]
        assert isinstance(arguments, list)
        assert server["args"][:-1] == arguments[-3:-1]
        parser = argparse.ArgumentParser()
        add_stdio_arguments(parser)
        assert parser.parse_args(server["args"][1:]).run_dir == Path("/path/to/run-dir")


def test_every_clients_settings_are_in_the_list_and_no_other() -> None:
    listed = re.findall(r"`clients/([\w.-]+)`", (ROOT / "examples" / "README.md").read_text())

    assert sorted(listed) == [path.name for path in CLIENTS]


def test_what_the_greeting_prints_for_standard_streams_serves_a_client(demo: Demo) -> None:
    environment = System(configuration={}).environment()

    with McpClient.stdio(str(demo.directory / "run"), env=environment) as client:
        answer = client.execute(client.connect("demo"), "select count(*) as books from books")

    assert answer["rows"] == [{"books": 36}]


class Unit(configparser.RawConfigParser):
    """A unit file, of which a key that stands there twice is read once."""

    def __init__(self) -> None:
        super().__init__(strict=False, delimiters=("=",))

    def optionxform(self, optionstr: str) -> str:
        return optionstr


def unit() -> Unit:
    found = Unit()
    found.read(ROOT / "examples" / "strongroom.service")
    return found


def test_the_units_command_is_one_that_up_takes() -> None:
    service = unit()["Service"]
    program, command, *options = service["ExecStart"].split()
    parser = argparse.ArgumentParser(exit_on_error=True)
    up.add_arguments(parser)

    args = parser.parse_args(options)

    assert (Path(program).name, command) == ("strongroom", "up")
    assert str(args.run_dir) == f"/run/{service['RuntimeDirectory']}"
    assert args.log_format == "json"


@pytest.fixture
def as_the_unit(postgres: PostgresServer, tmp_path: Path) -> System:
    """A system that gets its credential as the unit's does: in a file, and no variable."""
    databases = Databases(postgres)
    password = databases.add("main_db", credentialsEnv="MAIN_DB_CREDENTIALS")
    name, _, source = unit()["Service"]["LoadCredential"].partition(":")
    (tmp_path / Path(source).name).write_text(f"{databases.role('main_db')}:{password}\n")
    assert name == Path(source).name
    return System(
        configuration={"connections": databases.connections},
        credentials={"CREDENTIALS_DIRECTORY": str(tmp_path)},
    )


def test_a_credential_that_comes_as_the_units_does_reaches_the_vault(as_the_unit: System) -> None:
    with as_the_unit as system, McpClient.http(system) as client:
        answer = client.execute(client.connect("main_db"), "select 1 as one")

    assert answer["rows"] == [{"one": 1}]
