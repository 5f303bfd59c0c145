"""Find what the system still runs, though its parent has died: a relay of a dead login server.

Such a process is nobody's child any more. But it holds the reading end of the death pipe, by which
it notices the end of the supervisor; and of no other pipe that somebody else has open does the
supervisor hold both ends.
"""

import stat
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from console.scan.report import Suspect

ORPHAN_ROLE: Final = "orphan of login-server"
SUPERVISOR_ROLE: Final = "supervisor"


def with_orphans(suspects: Sequence[Suspect]) -> list[Suspect]:
    """Return *suspects*, and what is not among them and holds a supervisor's death pipe.

    What of a process cannot be read, the scan will say of it.
    """
    death_pipes = {
        pipe for one in suspects if one.role == SUPERVISOR_ROLE for pipe in _whole_pipes(one.pid)
    }
    if not death_pipes:
        return list(suspects)
    known = {suspect.pid for suspect in suspects}
    pids = {int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit()}
    orphans = [pid for pid in sorted(pids - known) if death_pipes & _pipes(pid).keys()]
    return [*suspects, *(Suspect(pid, ORPHAN_ROLE) for pid in orphans)]


def _whole_pipes(pid: int) -> Iterator[str]:
    """Yield each pipe of which the process has both ends."""
    both = stat.S_IRUSR | stat.S_IWUSR
    for pipe, ends in _pipes(pid).items():
        if ends & both == both:
            yield pipe


def _pipes(pid: int) -> dict[str, int]:
    """Return which ends of which pipes a process has; nothing where it has gone or is not ours."""
    found: dict[str, int] = {}
    try:
        paths = list(Path(f"/proc/{pid}/fd").iterdir())
    except OSError:
        return found
    for path in paths:
        # One that is closed meanwhile is none; whoever has the death pipe keeps it.
        with suppress(OSError):
            target = str(path.readlink())
            if target.startswith("pipe:"):
                # proc(5): the link's own permissions say what the descriptor was opened for.
                found[target] = found.get(target, 0) | path.lstat().st_mode
    return found
