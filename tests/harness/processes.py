"""What the kernel says of a process."""

from pathlib import Path

from console.scan.mappings import read_mappings


def descriptors_of(pid: int) -> set[str]:
    """Return what a process has open, by the kernel's names; nothing where it is gone."""
    found: set[str] = set()
    try:
        for path in Path(f"/proc/{pid}/fd").iterdir():
            found.add(str(path.readlink()))
    except (FileNotFoundError, ProcessLookupError):
        # It has ended, or closed one of them, between two looks.
        return found
    return found


def is_alive(pid: int) -> bool:
    """Say whether a process runs, or could run: one that waits for its parent is dead."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


def stack_of(pid: int) -> bytes:
    """Return what is on a process's stack; for root alone."""
    (found,) = [one for one in read_mappings(pid) if one.name == "[stack]"]
    with Path(f"/proc/{pid}/mem").open("rb", buffering=0) as memory:
        memory.seek(found.start)
        return memory.read(found.end - found.start)
