import os
import secrets
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from console.scan.findings import Findings, Pieces
from console.scan.mappings import held_pages, parse_mappings
from console.scan.needles import needles_for
from console.scan.processes import scan_process
from console.scan.redact import Redactor
from console.scan.report import Place, Report, Suspect, Verdict
from console.scan.scanner import scan
from tests.harness.memory import a_process

# A page with the secret in it, which the process itself may no longer read.
UNREADABLE = """
import ctypes, mmap
page = mmap.mmap(-1, 4096)
page[:len(given)] = given
address = ctypes.addressof(ctypes.c_char.from_buffer(page))
assert ctypes.CDLL(None).mprotect(ctypes.c_void_p(address), 4096, 0) == 0
given[:] = bytes(len(given))
"""
# What malloc leaves of a chunk that is given back: its first bytes are overwritten.
FREED = """
import ctypes
libc = ctypes.CDLL(None)
libc.malloc.restype, libc.free.argtypes = ctypes.c_void_p, [ctypes.c_void_p]
chunk = libc.malloc(200)
source = (ctypes.c_char * len(given)).from_buffer(given)
ctypes.memmove(chunk, source, len(given))
libc.free(chunk)
ctypes.memset(source, 0, len(given))
"""
# Written through the descriptor, which is closed; mapped and never touched.
UNTOUCHED = """
import ctypes
file = os.memfd_create("state")
os.write(file, given)
ctypes.CDLL(None).mmap(None, ctypes.c_size_t(4096), 1, {flags}, file, ctypes.c_long(0))
os.close(file)
given[:] = bytes(len(given))
"""
WIPED = "given[:] = bytes(len(given))"


def a_secret() -> bytes:
    return secrets.token_urlsafe(33).encode()


def scanned(pid: int, secret: bytes, *, role: str = "executor") -> Report:
    return scan([Suspect(pid, role)], needles_for(secret))


@contextmanager
def not_root() -> Iterator[None]:
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


def test_a_secret_in_memory_is_found_in_each_way_it_is_kept() -> None:
    secret = a_secret()
    program = """
text = given.decode()
kept = [text, text.encode("utf-16-le"), text.encode("utf-32-le"), given.hex()]
"""
    with a_process(program, secret) as pid:
        report = scanned(pid, secret)

    found = {hit.encoding for hit in report.hits if hit.whole and hit.place is Place.MEMORY}
    assert found >= {"raw", "utf-16-le", "utf-32-le", "hex"}
    assert report.verdict is Verdict.FOUND


def test_a_process_that_has_wiped_the_secret_is_clean() -> None:
    secret = a_secret()
    with a_process(WIPED, secret) as pid:
        report = scanned(pid, secret)

    assert report.hits == ()
    assert report.verdict is Verdict.CLEAN
    assert report.scanned_bytes > 1 << 20


def test_another_secret_is_not_found() -> None:
    with a_process("", a_secret()) as pid:
        assert scanned(pid, a_secret()).verdict is Verdict.CLEAN


def test_what_is_left_of_a_freed_copy_is_found() -> None:
    secret = a_secret()
    with a_process(FREED, secret) as pid:
        report = scanned(pid, secret)

    assert {hit.whole for hit in report.hits} == {False}
    assert any(hit.where.startswith("[heap]") for hit in report.hits)
    assert report.verdict is Verdict.FOUND


def test_memory_that_its_own_process_may_not_read_is_searched() -> None:
    secret = a_secret()
    with a_process(UNREADABLE, secret) as pid:
        report = scanned(pid, secret)

    assert [hit.whole for hit in report.hits] == [True]
    assert "---" in report.hits[0].where


@pytest.mark.parametrize("flags", [1, 2], ids=["shared", "private"])
def test_memory_that_is_mapped_and_was_never_touched_is_searched(flags: int) -> None:
    secret = a_secret()
    with a_process(UNTOUCHED.format(flags=flags), secret) as pid:
        report = scanned(pid, secret)

    assert [(hit.place, hit.whole) for hit in report.hits] == [(Place.MEMORY, True)]
    assert "memfd:state" in report.hits[0].where


def test_a_process_that_has_exited_is_gone_and_not_clean() -> None:
    with a_process("") as pid:
        pass

    report = scanned(pid, a_secret())

    assert [part.gone for part in report.parts] == [True]
    assert report.verdict is Verdict.INCOMPLETE


def test_a_process_that_exits_while_it_is_scanned_is_gone_and_not_clean() -> None:
    needles = needles_for(a_secret())
    with a_process("") as pid:

        class Deadly(Findings):
            """Ends the process as soon as its memory is open and listed."""

            def look(self, place: Place, pieces: Pieces, where: str | Callable[[int], str]) -> None:
                os.kill(pid, signal.SIGKILL)
                os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
                Findings.look(self, place, pieces, where)

        findings = Deadly(needles, Redactor(needles), Suspect(pid, "executor"), pid)
        scan_process(findings, vault_pages=frozenset())

    assert findings.part().gone
    assert findings.part().verdict is Verdict.INCOMPLETE


def test_a_zombie_is_gone_and_not_clean() -> None:
    process = subprocess.Popen([sys.executable, "-I", "-S", "-c", ""])
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)

    report = scanned(process.pid, a_secret())

    process.wait()
    assert [part.gone for part in report.parts] == [True]
    assert report.verdict is Verdict.INCOMPLETE


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give its rights up")
def test_a_process_that_may_not_be_read_is_a_gap() -> None:
    secret = a_secret()
    with a_process("", secret) as pid, not_root():
        report = scanned(pid, secret)

    gaps = {gap.where: gap.reason for gap in report.unscanned}
    assert gaps == dict.fromkeys(["memory", "environ", "descriptors"], "Permission denied")
    assert report.verdict is Verdict.INCOMPLETE


def test_the_scanner_leaves_itself_out_and_says_so() -> None:
    secret = a_secret()
    with a_process("") as pid:
        suspects = [Suspect(os.getpid(), "console"), Suspect(pid, "executor")]
        report = scan(suspects, needles_for(secret))

    assert report.excluded_pids == (os.getpid(),)
    assert [part.pid for part in report.parts] == [pid]


def test_a_scan_of_nothing_is_not_clean() -> None:
    assert scan([], needles_for(a_secret())).verdict is Verdict.INCOMPLETE


def test_pages_count_if_they_are_present_or_swapped() -> None:
    absent, present, swapped, touched_once = 0, 1 << 63, 1 << 62, 1 << 55
    entries = [absent, present, swapped, touched_once, absent, present | 0x1234]
    content = b"".join(entry.to_bytes(8, "little") for entry in entries)

    assert list(held_pages(content)) == [(1, 3), (5, 6)]


def test_a_mapping_is_read_with_its_name_whatever_that_holds() -> None:
    text = (
        "7f01-7f05 rw-s 00001000 00:01 1033                       /memfd:a name (deleted)\n"
        "7f05-7f06 ---p 00000000 00:00 0 \n"
        "ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0                  [vsyscall]\n"
    )

    shared, anonymous, kernel = parse_mappings(text)

    assert (shared.start, shared.offset, shared.inode) == (0x7F01, 0x1000, 1033)
    assert (shared.name, shared.others_may_write) == ("/memfd:a name (deleted)", True)
    assert (anonymous.name, anonymous.others_may_write) == ("", False)
    assert (kernel.name, kernel.end) == ("[vsyscall]", 0xFFFFFFFFFF601000)
