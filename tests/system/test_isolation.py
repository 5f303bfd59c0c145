"""What each process has loaded when it can take work, and what each running process may do."""

import os
import re
import socket
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Final

import pytest

from supervisor import rundir
from supervisor.listening import listen, parse_address
from supervisor.memory import make_memories
from supervisor.outfits import Outfits
from supervisor.plan import Member
from supervisor.settings import Configuration
from tests.harness.children import Child
from tests.harness.clients import McpClient
from tests.harness.databases import Databases
from tests.harness.system import System
from wire.logs import Log
from wire.names import Role

OURS: Final = {"broker", "console", "executor", "supervisor", "vault", "wire"}
DRIVERS: Final = {"sqlalchemy", "psycopg", "psycopg_binary", "pymysql"}

FORBIDDEN: Final[dict[Role, set[str]]] = {
    "gateway": (OURS - {"broker", "wire"}) | DRIVERS,
    "router": (OURS - {"broker", "wire"}) | DRIVERS | {"mcp", "uvicorn"},
    "vault": (OURS - {"vault", "wire"}) | DRIVERS | {"mcp", "uvicorn"},
    "login-server": (OURS - {"vault", "wire"}) | DRIVERS | {"mcp", "uvicorn", "zmq"},
    # PyMySQL loads cryptography by itself, for logins, of which an executor has none.
    "executor": (OURS - {"executor", "wire"}) | {"mcp", "uvicorn"},
    "file-executor": (OURS - {"executor", "wire"})
    | {"mcp", "uvicorn", "cryptography", "psycopg", "psycopg_binary", "pymysql"},
    "supervisor": (OURS - {"supervisor", "wire"})
    | DRIVERS
    | {"mcp", "uvicorn", "zmq", "cryptography"},
}

# As `-X importtime`: the interpreter writes down each module that it loads.
NOTE_IMPORTS: Final = {"PYTHONPROFILEIMPORTTIME": "1"}
HEAD: Final = "import time: self [us] | cumulative | imported package"
IMPORT: Final = re.compile(r"^import time: +\d+ \| +\d+ \| +(\w+)", re.MULTILINE)


NETWORK_TABLES: Final = ("tcp", "tcp6", "udp", "udp6", "raw", "raw6")


@pytest.fixture
def outfits() -> Iterator[Outfits]:
    """What the supervisor gives its children, for one that has no connections configured."""
    with ExitStack() as stack:
        directory = stack.enter_context(tempfile.TemporaryDirectory(dir="/tmp"))
        run_dir = rundir.claim(Path(directory) / "run", executors=["executor-1"])
        memories = make_memories(Log("test"))
        made = Outfits(
            Configuration(path=Path(directory), connections={}),
            run_dir,
            memories,
            executors=1,
            listener=stack.enter_context(listen(parse_address("127.0.0.1:0"))),
            token_sha256=None,
            secrets=None,
        )
        yield made
        held = (memories.key_page, memories.state, memories.router_key, run_dir.lock)
        for descriptor in (*held, made._death_watch, made._alive):
            os.close(descriptor)


@pytest.mark.parametrize("role", sorted(FORBIDDEN.keys() - {"supervisor"}))
def test_a_process_loads_nothing_that_it_must_not_have(
    role: Role, outfits: Outfits, capfd: pytest.CaptureFixture[str]
) -> None:
    outfit = outfits.for_member(Member(f"{role}-1", role))

    with Child(
        role, settings=outfit.settings, descriptors=outfit.descriptors, variables=NOTE_IMPORTS
    ) as child:
        child.wait_until_ready()

    loaded = set(IMPORT.findall(capfd.readouterr().err))
    assert OURS - FORBIDDEN[role] <= loaded
    assert not FORBIDDEN[role] & loaded


def test_the_supervisor_loads_nothing_that_it_must_not_have(
    databases: Databases,
) -> None:
    with System(
        configuration={"connections": databases.connections},
        credentials={**databases.environment, **NOTE_IMPORTS},
    ) as system:
        log = system.log

    # The same process was the console before; children do not have the variable.
    loaded = set(IMPORT.findall(log.rpartition(HEAD)[2]))
    assert OURS - FORBIDDEN["supervisor"] <= loaded
    assert not FORBIDDEN["supervisor"] & loaded


def status_fields(pid: int) -> dict[str, str]:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return dict(re.split(r":\s*", line, maxsplit=1) for line in lines if ":" in line)


def test_every_process_has_its_fences(system: System) -> None:
    for process in system.status().processes:
        fields = status_fields(process.pid)
        limits = Path(f"/proc/{process.pid}/limits").read_text()
        assert fields["NoNewPrivs"] == "1", process
        assert re.search(r"Max core file size\s+0\s+0", limits), process


def test_an_executor_is_confined(system: System) -> None:
    fields = status_fields(system.pid_of("executor"))

    assert fields["Seccomp"] == "2"


def network_sockets(pid: int) -> set[str]:
    """Return the inodes of the process's sockets of any Internet protocol."""
    links = []
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):  # closed meanwhile, like the one of this listing
            links.append(str(entry.readlink()))
    inodes = {re.sub(r"\D", "", link) for link in links if link.startswith("socket:")}
    tables = [Path(f"/proc/{pid}/net/{name}") for name in NETWORK_TABLES]
    lines = [line for table in tables for line in table.read_text().splitlines()[1:]]
    return inodes & {line.split()[9] for line in lines}


def test_the_vault_has_no_network_socket(system: System) -> None:
    with McpClient.http(system) as client:
        client.execute(client.connect("reader"), "select 1")

        assert network_sockets(system.pid_of("vault")) == set()


@pytest.mark.parametrize(
    ("family", "host"), [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")]
)
@pytest.mark.parametrize("kind", [socket.SOCK_STREAM, socket.SOCK_DGRAM])
def test_a_planted_network_socket_is_found(
    family: socket.AddressFamily, host: str, kind: socket.SocketKind
) -> None:
    with socket.socket(family, kind) as planted:
        planted.bind((host, 0))
        if kind == socket.SOCK_STREAM:
            planted.listen()

        assert network_sockets(os.getpid()) >= {str(os.fstat(planted.fileno()).st_ino)}


def test_no_process_has_a_credential_in_its_environment_or_command_line(system: System) -> None:
    for process in system.status().processes:
        for name in ("environ", "cmdline"):
            content = Path(f"/proc/{process.pid}/{name}").read_bytes()
            for word in system.credentials.values():
                assert word.encode() not in content
