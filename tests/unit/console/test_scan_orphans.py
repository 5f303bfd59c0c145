"""A relay outlives its login server, and is then found by the pipe that it shares."""

import os
import secrets

import pytest

from console.scan.orphans import ORPHAN_ROLE, with_orphans
from console.scan.processes import parent_of
from console.scan.proof import prove
from console.scan.report import Place, Suspect, Verdict
from tests.harness.memory import a_process

# As a supervisor keeps its death pipe; its child has a child, and dies. Each keeps what it was
# given but the supervisor, which says by what pipe the grandchild will notice its end.
LEAVES_AN_ORPHAN = """
watched, alive = os.pipe()
if os.fork() == 0:
    os.close(alive)
    if os.fork() == 0:
        os.read(watched, 1)
    os._exit(0)
os.wait()
given[:] = bytes(len(given))
"""


def holders(pid: int) -> list[int]:
    return [one.pid for one in with_orphans([Suspect(pid, "supervisor")]) if one.pid != pid]


def test_an_orphan_of_the_system_is_scanned_and_what_it_holds_is_found() -> None:
    secret = secrets.token_urlsafe(33).encode()
    with a_process(LEAVES_AN_ORPHAN, secret) as pid:
        (orphan,) = holders(pid)
        assert parent_of(orphan) != pid

        report = prove([Suspect(pid, "supervisor")], secret, [])

    assert report.verdict is Verdict.FOUND
    assert {(hit.pid, hit.role) for hit in report.hits} == {(orphan, ORPHAN_ROLE)}
    assert {hit.place for hit in report.hits} == {Place.MEMORY}


def test_who_only_talks_with_the_supervisor_is_none_of_its_system() -> None:
    with a_process("") as pid:
        # This process has the other ends of that one's standard streams.
        assert holders(pid) == []


def test_a_pipe_that_a_process_other_than_the_supervisor_keeps_makes_nobody_an_orphan() -> None:
    with a_process(LEAVES_AN_ORPHAN) as pid:
        suspects = [Suspect(pid, "executor")]

        assert with_orphans(suspects) == suspects


def test_what_is_listed_is_not_listed_again() -> None:
    with a_process(LEAVES_AN_ORPHAN) as pid:
        (orphan,) = holders(pid)
        suspects = [Suspect(pid, "supervisor"), Suspect(orphan, "login")]

        assert with_orphans(suspects) == suspects


def test_a_supervisor_that_is_gone_has_no_orphans() -> None:
    with a_process("") as pid:
        pass

    assert holders(pid) == []
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
