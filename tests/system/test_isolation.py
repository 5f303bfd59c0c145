"""What a fresh interpreter of each process has loaded, and what each running process may do."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.harness.clients import McpClient
from tests.harness.system import ROOT, System

OURS = {"broker", "console", "executor", "supervisor", "vault", "wire"}
DRIVERS = {"sqlalchemy", "psycopg", "psycopg_binary"}

FORBIDDEN = {
    "broker.gateway": (OURS - {"broker", "wire"}) | DRIVERS,
    "broker.router": (OURS - {"broker", "wire"}) | DRIVERS | {"mcp", "uvicorn"},
    "vault.service": (OURS - {"vault", "wire"}) | DRIVERS | {"mcp", "uvicorn"},
    "vault.login.server": (OURS - {"vault", "wire"}) | DRIVERS | {"mcp", "uvicorn", "zmq"},
    "executor.service": (OURS - {"executor", "wire"}) | {"mcp", "uvicorn", "cryptography"},
    "supervisor.service": (OURS - {"supervisor", "wire"})
    | DRIVERS
    | {"mcp", "uvicorn", "zmq", "cryptography"},
}


@pytest.mark.parametrize("module", sorted(FORBIDDEN))
def test_a_process_loads_nothing_that_it_must_not_have(module: str) -> None:
    program = (
        f"import json, sys, {module}\n"
        "print(json.dumps(sorted({name.split('.')[0] for name in sys.modules})))"
    )

    loaded = subprocess.run(
        [sys.executable, "-P", "-c", program],
        capture_output=True,
        check=True,
        env={"PYTHONPATH": str(ROOT)},
    )

    assert not FORBIDDEN[module] & set(json.loads(loaded.stdout))


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


def test_the_vault_has_no_network_socket(system: System) -> None:
    with McpClient.http(system) as client:
        client.execute(client.connect("reader"), "select 1")
        vault = system.pid_of("vault")

        kinds = [
            str(entry.readlink())
            for entry in Path(f"/proc/{vault}/fd").iterdir()
            if "socket" in str(entry.readlink())
        ]
        inet = Path(f"/proc/{vault}/net/tcp").read_text()

    inodes = {re.sub(r"\D", "", kind) for kind in kinds}
    assert not any(line.split()[9] in inodes for line in inet.splitlines()[1:])


def test_no_process_has_a_credential_in_its_environment_or_command_line(system: System) -> None:
    for process in system.status().processes:
        for name in ("environ", "cmdline"):
            content = Path(f"/proc/{process.pid}/{name}").read_bytes()
            for word in system.credentials.values():
                assert word.encode() not in content
