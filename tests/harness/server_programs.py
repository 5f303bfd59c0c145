"""The programs of servers that are not ours, and how tests run them: as nobody, never after us."""

import os
import pwd
import random
import shutil
import signal
import socket
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from scripts.server_packages import SERVERS, root_of
from tests.harness.certificates import Certificate

LOOPBACK: Final = "127.0.0.1"
# Below the kernel's ephemeral ports, so that no outgoing connection can take the port first.
_PORTS: Final = range(20_000, 32_000)


@dataclass(frozen=True, slots=True)
class Programs:
    """One server's programs, installed by the system or unpacked for the tests."""

    root: Path
    """Where its `usr` is."""
    brings_libc: bool = False

    def command(self, program: str, *arguments: str | Path) -> list[str]:
        """Return what runs a program, which is named by its path under the root."""
        words = [str(self.root / program), *(str(one) for one in arguments)]
        if not self.brings_libc:
            return words
        (loader,) = self.root.glob("usr/lib*/ld-linux*.so.*")
        return [str(loader), "--library-path", self._libraries(), *words]

    def environment(self) -> dict[str, str]:
        """Return what the programs run with."""
        kept = {"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "LC_ALL": "C", "TZ": "UTC"}
        if self.root == Path("/") or self.brings_libc:
            return kept
        return {**kept, "LD_LIBRARY_PATH": self._libraries()}

    def _libraries(self) -> str:
        found = [*self.root.glob("usr/lib/*-linux-gnu*"), *self.root.glob("lib/*-linux-gnu*")]
        return ":".join(str(one) for one in found)


def programs_of(name: str) -> Programs | None:
    """Return the programs of one of `SERVERS`, or None where this machine does not have it."""
    root = root_of(name)
    return None if root is None else Programs(root, brings_libc=SERVERS[name].brings_libc)


def require_programs(name: str) -> Programs:
    """Return the programs of one of `SERVERS`; raise RuntimeError where they are not there."""
    found = programs_of(name)
    if found is None:
        raise RuntimeError(f"{name} is not here; scripts/server_packages.py fetches it")
    return found


def free_port() -> int:
    """Return a port on 127.0.0.1 that nobody listens on."""
    for port in random.sample(_PORTS, 50):
        with socket.socket() as probe:
            try:
                probe.bind((LOOPBACK, port))
            except OSError:
                continue
            return port
    raise RuntimeError("found no free port for a server")


def as_server_user(dies_by: signal.Signals = signal.SIGKILL) -> list[str]:
    """Return what starts a command as `nobody` where we are root, and ends it when we end."""
    # The signal on the parent's death survives exec but not a change of user: setpriv sets it last.
    prefix = ["setpriv", f"--pdeathsig={dies_by.name.removeprefix('SIG')}"]
    if os.geteuid() != 0:
        return prefix
    nobody = pwd.getpwnam("nobody")
    return [*prefix, f"--reuid={nobody.pw_uid}", f"--regid={nobody.pw_gid}", "--clear-groups"]


def give_to_server(*paths: Path) -> None:
    """Let the user that servers run as own these."""
    if os.geteuid() == 0:
        nobody = pwd.getpwnam("nobody")
        for path in paths:
            os.chown(path, nobody.pw_uid, nobody.pw_gid)


def install_certificate(certificate: Certificate, directory: Path) -> tuple[Path, Path]:
    """Copy a certificate and its key to where a server may read them, and nobody else the key."""
    chain, key = directory / "server.pem", directory / "server.key"
    shutil.copyfile(certificate.chain, chain)
    key.touch(mode=0o600)
    shutil.copyfile(certificate.key, key)
    give_to_server(chain, key)
    return chain, key


def run_to_end(
    command: Sequence[str], *, environment: dict[str, str], cwd: Path, fds: Sequence[int] = ()
) -> None:
    """Run a command; raise RuntimeError with what it said when it fails."""
    done = subprocess.run(
        command,
        env=environment,
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        pass_fds=fds,
        check=False,
    )
    if done.returncode:
        said = done.stdout.decode(errors="replace")[-2000:]
        raise RuntimeError(f"a server's command failed with status {done.returncode}: {said}")
