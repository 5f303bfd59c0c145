"""Tell a report to a person, and to a program."""

import json
from collections.abc import Iterator
from dataclasses import asdict

from console.scan.report import Hit, Part, Report, Standing, Unscanned, Verdict

MIB = 1 << 20


def as_json(report: Report) -> str:
    """Return the report as one JSON object, with its verdict and exit code."""
    verdict = report.verdict
    head = {"verdict": verdict.name.lower(), "exit_code": verdict.value}
    parts = [asdict(part) | {"verdict": part.verdict.name.lower()} for part in report.parts]
    sums = {"scanned_bytes": report.scanned_bytes, "advice": list(_advice(report))}
    return json.dumps(head | asdict(report) | {"parts": parts} | sums, indent=2)


def as_text(report: Report) -> str:
    """Return the report as lines: parts, then hits, then gaps, then the verdict."""
    return "\n".join(_lines(report))


def _lines(report: Report) -> Iterator[str]:
    if report.sought:
        yield f"looked for the secret and for {', '.join(report.sought)}"
    for pid in report.excluded_pids:
        reason = "left out: it must hold the secret to look for it"
        yield f"{'the scanner itself':24} {pid:>8}  {reason}"
    yield from map(_part_line, report.parts)
    if report.hits:
        yield ""
        yield from map(_hit_line, report.hits)
        unlisted = sum(part.unlisted_hits for part in report.parts)
        if unlisted:
            yield f"  and {unlisted} more of the same kinds"
    if report.unscanned:
        yield ""
        yield from map(_gap_line, report.unscanned)
    yield ""
    yield _sentence(report)
    yield from _advice(report)


def _part_line(part: Part) -> str:
    pid = "" if part.pid is None else str(part.pid)
    verdict = "GONE" if part.gone and not part.hits else part.verdict.name
    title = part.name if part.pid is None else part.role
    return f"{title:24} {pid:>8} {part.scanned_bytes / MIB:8.1f} MiB  {verdict}"


def _hit_line(hit: Hit) -> str:
    extent = "whole" if hit.whole else f"{hit.length_bytes} bytes of it"
    process = "" if hit.pid is None else f" {hit.pid}"
    spot = f"{hit.place} at {hit.offset:#x}, {hit.where}"
    remark = "" if hit.standing is Standing.COUNTS else f"  ({hit.standing})"
    head = f"  {hit.role}{process}: {extent}, {hit.encoding}, in {spot}"
    return f"{head}  after: {hit.context}{remark}"


def _gap_line(gap: Unscanned) -> str:
    process = "" if gap.pid is None else f" {gap.pid}"
    allowed = " (where a secret may be, by design)" if gap.allowed else ""
    return f"  not looked at: {gap.role}{process}: {gap.where}: {gap.reason}{allowed}"


def _sentence(report: Report) -> str:
    extent = f"{report.scanned_bytes / MIB:.0f} MiB in {report.seconds:.1f} s"
    count = sum(part.pid is not None for part in report.parts)
    if report.verdict is Verdict.FOUND:
        counted = [hit for hit in report.hits if hit.standing is Standing.COUNTS]
        whole = sum(hit.whole for hit in counted)
        found = f"{len(counted)} traces of the secret, {whole} of them whole"
        return f"FOUND: {found} ({count} processes, {extent})."
    if report.verdict is Verdict.INCOMPLETE:
        gaps = sum(not gap.allowed for gap in report.unscanned)
        doubts = sum(hit.standing is Standing.MAY_BE_CHANCE for hit in report.hits)
        seen = f"{doubts} traces that may be chance" if doubts else "no trace of the secret"
        found = f"{seen}, and {gaps} places could not be looked at"
        return f"INCOMPLETE: {found} ({count} processes, {extent})."
    return f"CLEAN: no trace of the secret in {count} processes ({extent})."


def _advice(report: Report) -> Iterator[str]:
    if any(not gap.allowed and "ermission" in gap.reason for gap in report.unscanned):
        yield "The processes cannot be read by this user: run this as root."
    if any(part.gone for part in report.parts):
        yield "A process exited while it was looked at: run this again."
    own = sum(hit.standing is Standing.OF_A_SERVER for hit in report.hits)
    if own:
        yield (
            f"{own} traces are in the demo's database server, which checks logins by these keys, as"
            " any database server does. They do not count."
        )
    yield from report.notes
    if report.hits and not any(hit.whole for hit in report.hits):
        yield "Only fragments were found, but none that is an ordinary word of the programs' own."
    if not report.fragments_sought:
        yield from _short_secret(report.secret_characters, report.expected_chance_hits)


def _short_secret(characters: int, expected: float) -> Iterator[str]:
    yield (
        f"A secret of {characters} characters is looked for as a whole only:"
        " what is left of a freed copy may have been missed."
    )
    if expected >= 1:
        yield (
            f"It occurs by chance about {expected:,.0f} times in this much text:"
            " a hit proves little."
        )
    elif expected >= 1e-6:  # noqa: PLR2004 - below one in a million it is no longer news
        yield f"It occurs by chance with odds of about 1 in {1 / expected:,.0f}."
