"""Credentials from the environment are sealed, and the memory they came in is overwritten."""

import os

import pytest

from tests.unit.vault.making import ODD_PASSWORDS, a_memory, keys
from vault.intake import Intake, take_in
from wire.destination import PASSWORD_MAX_BYTES

KEYS = keys()


def taken(*records: bytes) -> tuple[Intake, bytes]:
    """Return what was taken from *records*, and what their memory holds afterwards."""
    content = b"".join(record + b"\0" for record in records)
    descriptor = a_memory(content)
    found = take_in(os.dup(descriptor), KEYS)
    left = os.pread(descriptor, len(content) + 1, 0)
    os.close(descriptor)
    return found, left


def password_of(found: Intake, name: str) -> bytes:
    buffer = bytearray(2 * PASSWORD_MAX_BYTES)
    credential = found.credentials[name]
    return bytes(KEYS.open_credential(credential.sealed, name=name, into=memoryview(buffer)))


@pytest.mark.parametrize("password", ODD_PASSWORDS)
def test_a_password_is_everything_after_the_first_colon(password: str) -> None:
    found, _ = taken(b"NAME=user:" + password.encode())

    assert found.credentials["NAME"].user == "user"
    assert password_of(found, "NAME") == password.encode()
    assert found.malformed == ()


def test_a_password_need_not_be_text() -> None:
    found, _ = taken(b"NAME=user:\xff\xfe\x01")

    assert password_of(found, "NAME") == b"\xff\xfe\x01"


def test_every_record_is_taken_under_its_own_name() -> None:
    found, _ = taken(b"ONE=u1:p1", b"TWO=u2:p2", "DREI=jürgen:p3".encode())

    assert [password_of(found, name) for name in ("ONE", "TWO", "DREI")] == [b"p1", b"p2", b"p3"]
    assert found.credentials["DREI"].user == "jürgen"


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"user", id="no colon"),
        pytest.param(b"user:", id="no password"),
        pytest.param(b":secret", id="no user"),
        pytest.param(b"\xffuser:secret", id="a user that is not UTF-8"),
        pytest.param(b"user:" + b"x" * (PASSWORD_MAX_BYTES + 1), id="too long"),
    ],
)
def test_what_is_not_a_user_and_a_password_is_named_and_the_others_are_taken(value: bytes) -> None:
    found, left = taken(b"BAD=" + value, b"GOOD=user:secret")

    assert found.malformed == ("BAD",)
    assert password_of(found, "GOOD") == b"secret"
    assert left.strip(b"\0") == b""


def test_a_record_without_a_name_tells_nothing_of_itself_or_of_others() -> None:
    found, left = taken(b"no equals sign:secret", b"GOOD=user:other secret")

    assert found.malformed == ()
    assert list(found.credentials) == ["GOOD"]
    assert left.strip(b"\0") == b""


def test_the_memory_is_zero_afterwards_and_as_long_as_before() -> None:
    record = b"NAME=user:secret"

    _, left = taken(record)

    assert left == bytes(len(record) + 1)


def test_a_record_that_was_cut_is_not_taken_and_is_overwritten() -> None:
    descriptor = a_memory(b"NAME=user:secret")

    found = take_in(os.dup(descriptor), KEYS)

    assert found == Intake({}, ())
    assert os.pread(descriptor, 99, 0).strip(b"\0") == b""
    os.close(descriptor)


def test_an_empty_memory_has_no_credentials_and_its_descriptor_is_closed() -> None:
    descriptor = a_memory()

    assert take_in(descriptor, KEYS) == Intake({}, ())

    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(descriptor)


def test_what_is_sealed_shows_neither_user_nor_password() -> None:
    found, _ = taken(b"NAME=user:secret")

    assert b"secret" not in found.credentials["NAME"].sealed
    assert "secret" not in repr(found)
