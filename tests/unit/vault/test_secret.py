"""Secret pages: shared by descriptor, read by nobody else, overwritten."""

import os
from pathlib import Path

import pytest

from tests.unit.vault.making import a_memory
from vault.secret import PAGE_BYTES, SecretPage
from vault.wiping import wipe


def a_secret_page() -> SecretPage:
    page = SecretPage.own()
    if not page.is_secret:
        pytest.skip("this kernel has no memfd_secret")
    return page


def address_of(page: SecretPage, marker: bytes) -> int:
    """Return where the page is mapped; the marker proves that it is this one."""
    page.view[: len(marker)] = marker
    mappings = Path("/proc/self/maps").read_text().splitlines()
    (only,) = [line for line in mappings if "secretmem" in line][-1:]
    return int(only.split("-")[0], 16)


def test_a_page_of_ones_own_is_writable_and_empty() -> None:
    page = SecretPage.own()

    assert bytes(page.view) == bytes(PAGE_BYTES)
    page.view[:6] = b"secret"
    assert bytes(page.view[:6]) == b"secret"


def test_the_kernel_refuses_to_read_a_secret_page_through_proc() -> None:
    page = a_secret_page()
    address = address_of(page, b"marker")

    with Path("/proc/self/mem").open("rb", buffering=0) as memory:
        memory.seek(address)
        with pytest.raises(OSError, match="Input/output error"):
            memory.read(6)


def open_descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def test_a_page_leaves_no_descriptor_behind() -> None:
    before = open_descriptors()

    page = SecretPage.own()

    assert open_descriptors() == before
    assert len(page.view) == PAGE_BYTES


def test_a_page_can_be_mapped_again_from_its_descriptor() -> None:
    descriptor = a_memory(bytes(PAGE_BYTES))
    first = SecretPage.shared(os.dup(descriptor))
    first.view[:5] = b"state"

    second = SecretPage.shared(descriptor)

    assert bytes(second.view[:5]) == b"state"
    assert not second.is_secret


def test_a_descriptor_that_cannot_be_mapped_is_an_error_and_is_closed() -> None:
    reading, writing = os.pipe()
    os.close(writing)

    with pytest.raises(OSError, match="cannot be mapped"):
        SecretPage.shared(reading)

    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(reading)


def test_a_page_shows_nothing_of_itself_in_text() -> None:
    page = SecretPage.own()
    page.view[:6] = b"secret"

    assert repr(page) == "SecretPage(…)"


def test_wiping_leaves_only_zeros_and_the_same_length() -> None:
    buffer = bytearray(b"secret")
    wipe(buffer)
    assert buffer == bytes(6)

    page = SecretPage.own()
    page.view[:6] = b"secret"
    wipe(page.view)
    assert bytes(page.view) == bytes(PAGE_BYTES)
