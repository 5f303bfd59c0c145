"""Prove that a secret is not there: first that the scanner sees, then that it sees nothing."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from console.scan.control import blindness, planted
from console.scan.listener import NOBODY, Listener
from console.scan.needles import Extra, Needles, needles_for
from console.scan.ordinary import Ordinary
from console.scan.orphans import with_orphans
from console.scan.report import Report, Suspect, Unscanned, weighed
from console.scan.scanner import scan, with_descendants


def prove(
    processes: Sequence[Suspect],
    secret: bytes,
    directories: Sequence[Path],
    *,
    extra: Sequence[Extra] = (),
    gaps: Sequence[Unscanned] = (),
    texts: Sequence[tuple[str, bytes]] = (),
    notes: Sequence[str] = (),
    listener: Listener = NOBODY,
) -> Report:
    """Return where *secret* is among *processes*, all that they started, *directories*, *texts*.

    What its login server has left orphaned belongs to a supervisor among them, too.
    First the scanner proves that it sees: what it plants in a child of its own it must find.
    *gaps* are what the caller knows to be out of sight; *notes* go into the report as they are.
    Pieces of the secret that are ordinary words are no trace. Raises UnsearchableSecretError.
    """
    needles = needles_for(secret, extra)
    own_gaps = _control(needles, listener)
    suspects = with_orphans(with_descendants(processes))
    ordinary = Ordinary([suspect.pid for suspect in suspects])
    report = scan(
        suspects,
        needles,
        directories=directories,
        texts=texts,
        scanner_gaps=[*own_gaps, *gaps],
        is_ordinary=ordinary,
        listener=listener,
    )
    listener.progress("")
    report = replace(
        report,
        scanner=(*report.scanner, *ordinary.gap(needles)),
        sought=tuple(dict.fromkeys(name for name, _ in extra)),
        notes=(*ordinary.note(needles), *notes),
    )
    return weighed(report)


def _control(needles: Needles, listener: Listener) -> list[Unscanned]:
    listener.progress("planting the secret, to see that it is found")
    with planted(needles) as suspect:
        control = scan([suspect], needles)
    gaps, count = blindness(needles, control.hits), len(needles.all)
    listener.progress("")
    if gaps:
        listener.control(f"control: the scanner did not find all {count} spellings that it planted")
    else:
        listener.control(
            f"control: planted in a process of the scanner's own, all {count} spellings were found"
        )
    return gaps
