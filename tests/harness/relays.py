"""The relays of a running system, found by what they are connected to."""

from pathlib import Path
from typing import Final

from console.scan.orphans import ORPHAN_ROLE, with_orphans
from console.scan.report import Suspect
from tests.harness.memory import find_descendants
from tests.harness.processes import descriptors_of
from tests.harness.system import System

_ESTABLISHED: Final = "01"


def relays_to(system: System, port: int) -> list[int]:
    """Return the logins that hold a connection to that port, also those of a dead login server.

    A login that is just under way is among them.
    """
    processes = system.status().processes
    logins = {
        pid for one in processes if one.role == "login-server" for pid in find_descendants(one.pid)
    }
    suspects = with_orphans([Suspect(pid=one.pid, role=one.role) for one in processes])
    orphans = {one.pid for one in suspects if one.role == ORPHAN_ROLE}
    wanted = _sockets_to(port)
    return sorted(pid for pid in logins | orphans if wanted & descriptors_of(pid))


def _sockets_to(port: int) -> set[str]:
    """Return the sockets of this machine that are connected to a port of 127.0.0.1."""
    address = f"0100007F:{port:04X}"
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    # proc(5): the other end's address, the state, and the inode of each.
    return {f"socket:[{row[9]}]" for row in rows if row[2] == address and row[3] == _ESTABLISHED}
