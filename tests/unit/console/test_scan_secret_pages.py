import ctypes
import os
import secrets

import pytest

from console.scan.needles import needles_for
from console.scan.report import Report, Suspect, Unscanned, Verdict
from console.scan.scanner import scan
from tests.harness.memory import a_process, find_descendants

HIDDEN_PAGE = """
import ctypes
libc = ctypes.CDLL(None)
libc.mmap.restype = ctypes.c_void_p
page = libc.syscall(447, 0)
os.ftruncate(page, 4096)
address = libc.mmap(None, ctypes.c_size_t(4096), 3, 1, page, ctypes.c_long(0))
(ctypes.c_char * 4096).from_address(address)[:len(given)] = bytes(given)
given[:] = bytes(len(given))
"""


def has_secret_pages() -> bool:
    descriptor: int = ctypes.CDLL(None).syscall(447, 0)
    if descriptor >= 0:
        os.close(descriptor)
    return descriptor >= 0


needs_secret_pages = pytest.mark.skipif(
    not has_secret_pages(), reason="this kernel has no memfd_secret(2)"
)


def a_secret() -> bytes:
    return secrets.token_urlsafe(33).encode()


def scanned(pid: int, secret: bytes, *, role: str = "executor") -> Report:
    return scan([Suspect(pid, role)], needles_for(secret))


@needs_secret_pages
def test_a_secret_page_is_reported_as_unreadable_and_as_a_gap() -> None:
    secret = a_secret()
    with a_process(HIDDEN_PAGE + "os.close(page)", secret) as pid:
        report = scanned(pid, secret)

    assert report.unscanned == (
        Unscanned(pid, "executor", "/secretmem (deleted)", "unreadable memory"),
    )
    assert report.verdict is Verdict.INCOMPLETE


@needs_secret_pages
def test_a_secret_page_that_was_never_touched_here_is_a_gap_too() -> None:
    touch = "(ctypes.c_char * 4096).from_address(address)[:len(given)] = bytes(given)\n"
    secret = a_secret()
    with a_process(HIDDEN_PAGE.replace(touch, "os.close(page)\n"), secret) as pid:
        report = scanned(pid, secret)

    assert [gap.where for gap in report.unscanned] == ["/secretmem (deleted)"]
    assert report.verdict is Verdict.INCOMPLETE


@needs_secret_pages
def test_the_vaults_secret_page_is_reported_and_allowed() -> None:
    secret = a_secret()
    with a_process(HIDDEN_PAGE, secret) as pid:
        report = scanned(pid, secret, role="vault")

    assert {gap.allowed for gap in report.unscanned} == {True}
    assert any(gap.where == "/secretmem (deleted)" for gap in report.unscanned)
    assert report.verdict is Verdict.CLEAN


@needs_secret_pages
def test_a_secret_page_kept_by_descriptor_is_allowed_only_if_it_is_the_vaults() -> None:
    unmapped = "page = __import__('ctypes').CDLL(None).syscall(447, 0); os.ftruncate(page, 4096)"
    secret = a_secret()
    with a_process(unmapped) as supervisor:
        report = scanned(supervisor, secret, role="supervisor")

    assert [gap.allowed for gap in report.unscanned] == [False]
    assert report.verdict is Verdict.INCOMPLETE


@needs_secret_pages
def test_another_process_may_keep_the_vaults_page_by_descriptor() -> None:
    kept_by_a_child = """
reader, writer = os.pipe()
if os.fork() == 0:
    libc.munmap(ctypes.c_void_p(address), ctypes.c_size_t(4096))
    os.write(writer, b"kept")
    sys.stdin.buffer.raw.read()
    os._exit(0)
os.read(reader, 4)
"""
    secret = a_secret()
    with a_process(HIDDEN_PAGE + kept_by_a_child, secret) as vault:
        (keeper,) = find_descendants(vault)
        suspects = [Suspect(keeper, "supervisor"), Suspect(vault, "vault")]
        report = scan(suspects, needles_for(secret))

    kept = [gap for gap in report.unscanned if gap.role == "supervisor"]
    assert [(gap.reason, gap.allowed) for gap in kept] == [("the vault's secret page", True)]
    assert report.verdict is Verdict.CLEAN
