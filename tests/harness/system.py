"""A whole system of real processes, as `strongroom up` starts it."""

import json
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Self

from console.failures import CommandFailedError
from console.system import ProcessStatus, SystemStatus, fetch_status
from tests.harness.canaries import hand_in, register
from tests.harness.waiting import until

ROOT: Final = Path(__file__).resolve().parents[2]

# Below what the kernel hands out by itself, so that no outgoing connection can sit on it.
PORTS: Final = range(12_000, 20_000)
START_S: Final = 30.0
TOKEN_SHOWN: Final = re.compile(rb'Bearer ([^"]+)"')
STOP_S: Final = 10.0


class SystemDiedError(AssertionError):
    """The system ended before it was ready; the text is what it said."""


@dataclass(kw_only=True)
class System:
    """One running system; a context manager that starts it and ends it."""

    configuration: Mapping[str, object]
    credentials: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Variables such as MAIN_DB_CREDENTIALS, put into the environment of the first process."""
    executors: int = 2
    gateways: int = 1
    options: Sequence[str] = ()
    """More options of `strongroom up`."""
    command: Sequence[str] = (sys.executable, "-P", "-m", "console", "up")
    import_path: Path | None = ROOT
    """PYTHONPATH of the first process; None for a command that finds our packages by itself."""
    directory: Path = field(init=False)
    port: int = field(init=False, default=0)
    process: subprocess.Popen[bytes] = field(init=False, repr=False)

    def __enter__(self) -> Self:
        self.begin()
        try:
            self.wait_until_ready()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *exception: object) -> None:
        self.stop()

    @property
    def url(self) -> str:
        """Return where MCP clients connect."""
        return f"http://127.0.0.1:{self.port}/mcp"

    @property
    def run_dir(self) -> Path:
        """Return the run directory."""
        return self.directory / "run"

    @property
    def token(self) -> str:
        """Return the token that HTTP clients present."""
        return (self.run_dir / "token").read_text(encoding="ascii").strip()

    @property
    def output(self) -> str:
        """Return what was printed on standard output."""
        return (self.directory / "output").read_text(encoding="utf-8")

    @property
    def log(self) -> str:
        """Return what was written to standard error, by every process."""
        return (self.directory / "errors").read_text(encoding="utf-8")

    def events(self, **fields: object) -> list[dict[str, object]]:
        """Return the log's whole lines that have these fields; a line is there in a moment."""
        whole = [line for line in self.log.splitlines() if line[:1] + line[-1:] == "{}"]
        found: list[dict[str, object]] = [json.loads(line) for line in whole]
        return [line for line in found if line.items() >= fields.items()]

    def status(self) -> SystemStatus:
        """Return what the running system says of itself."""
        return fetch_status(self.run_dir)

    def processes(self, role: str) -> list[ProcessStatus]:
        """Return the processes of *role* that are alive."""
        return [one for one in self.status().processes if one.role == role]

    def pid_of(self, role: str, *, number: int = 0) -> int:
        """Return the process id of the first (or another) process of *role*."""
        return self.processes(role)[number].pid

    def wait_until_ready(self) -> None:
        """Return when it says that it is ready; raise SystemDiedError when it ends instead."""
        until(self._says_ready_or_died, within_s=START_S)

    def begin(self) -> None:
        """Start it and return at once."""
        self.directory = Path(tempfile.mkdtemp(prefix="strongroom-test-", dir="/tmp"))
        self.port = free_port()
        configuration = self.directory / "strongroom.json"
        configuration.write_text(json.dumps(self.configuration), encoding="utf-8")
        command = [
            *self.command,
            *("--config", str(configuration)),
            *("--run-dir", str(self.run_dir)),
            *("--listen", f"127.0.0.1:{self.port}"),
            *("--executors", str(self.executors)),
            *("--gateways", str(self.gateways)),
            *self.options,
        ]
        with (
            (self.directory / "output").open("wb") as out,
            (self.directory / "errors").open("wb") as err,
        ):
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=out, stderr=err, env=self.environment()
            )

    def environment(self) -> dict[str, str]:
        """Return what the first process starts with."""
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        found = {} if self.import_path is None else {"PYTHONPATH": str(self.import_path)}
        return {**kept, **found, **self.credentials}

    def kill(self, role: str, *, number: int = 0) -> int:
        """End one process of *role* with SIGKILL, and return which it was."""
        pid = self.pid_of(role, number=number)
        os.kill(pid, signal.SIGKILL)
        return pid

    def wait_until_replaced(self, role: str, pid: int) -> None:
        """Return when everybody runs again and *pid* is not among those of *role*."""
        until(lambda: self._is_whole_without(role, pid), within_s=START_S)

    def stop(self) -> int:
        """Stop it as Ctrl-C does, remove its files, and return its exit status."""
        try:
            if self.process.poll() is None:
                self.process.send_signal(signal.SIGINT)
            return self.process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise
        finally:
            self._hand_in_logs()
            shutil.rmtree(self.directory, ignore_errors=True)

    def _hand_in_logs(self) -> None:
        output = (self.directory / "output").read_bytes()
        # The greeting shows the token on purpose: a client's settings need it. Nothing else may.
        for token in TOKEN_SHOWN.findall(output):
            register("a token", token)
        hand_in("output of a system", TOKEN_SHOWN.sub(b"", output))
        for log in (self.directory / "errors", *self.run_dir.glob("strongroom.log*")):
            hand_in(f"{log.name} of a system", log.read_bytes())

    def _says_ready_or_died(self) -> bool:
        if self.process.poll() is not None:
            raise SystemDiedError(f"status {self.process.returncode}: {self.output}{self.log}")
        return "\nready" in self.output

    def _is_whole_without(self, role: str, pid: int) -> bool:
        try:
            status = self.status()
        except CommandFailedError:
            return False
        found = [one.pid for one in status.processes if one.role == role]
        settled = all(one.state == "running" for one in status.processes)
        return bool(found) and settled and not status.absent and pid not in found


def free_port() -> int:
    """Return a port on 127.0.0.1 that nobody listens on."""
    while True:
        port = secrets.choice(PORTS)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
