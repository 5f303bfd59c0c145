"""Prove that a secret is not there: first that the scanner sees, then that it sees nothing."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from console.scan.control import blindness, planted
from console.scan.needles import Extra, needles_for
from console.scan.processes import parent_of
from console.scan.report import Report, Suspect, Unscanned
from console.scan.scanner import scan, with_descendants


def prove(
    processes: Sequence[Suspect],
    secret: bytes,
    directories: Sequence[Path],
    *,
    extra: Sequence[Extra] = (),
    gaps: Sequence[Unscanned] = (),
) -> Report:
    """Return where *secret* is among *processes*, all that they started, and *directories*.

    First the scanner proves that it sees: what it plants in a child of its own it must find.
    *gaps* are what the caller knows to be out of sight.
    Raises UnsearchableSecretError.
    """
    needles = needles_for(secret, extra)
    with planted(needles) as suspect:
        control = scan([suspect], needles)
    own_gaps = blindness(needles, control.hits)
    suspects = with_descendants(processes)
    return scan(suspects, needles, directories=directories, scanner_gaps=[*own_gaps, *gaps])


def with_supervisor(processes: Sequence[Suspect]) -> list[Suspect]:
    """Return *processes* and the one that started most of them, if it is not listed."""
    listed = {suspect.pid for suspect in processes}
    parents = Counter(parent_of(suspect.pid) for suspect in processes)
    parents.pop(None, None)
    if not parents:
        return list(processes)
    supervisor, _ = parents.most_common(1)[0]
    if supervisor is None or supervisor in listed:
        return list(processes)
    return [Suspect(supervisor, "supervisor", "supervisor"), *processes]
