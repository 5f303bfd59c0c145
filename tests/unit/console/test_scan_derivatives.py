"""What MySQL's and MariaDB's logins make of a password, by other people's words for it."""

import base64
import hashlib

import pytest
from pymysql._auth import scramble_caching_sha2, scramble_native_password

from console.scan.derivatives import of_mysql

NONCE = bytes(range(1, 21))

passwords = pytest.mark.parametrize(
    "password", [b"abc", "p:@/%'\" \\é漢".encode(), b"x" * 300], ids=["short", "awkward", "long"]
)


def test_the_stored_hash_of_the_native_plugin_is_the_one_that_everybody_knows() -> None:
    known = dict(of_mysql(b"test"))["SHA1(SHA1)"].hex().upper()

    assert known == "94BDCEBE19083CE2A1F959FD02F964C7AF4CFC29"


def test_the_stored_key_of_ed25519_is_the_one_in_the_documents_of_mariadb() -> None:
    known = base64.b64encode(dict(of_mysql(b"secret"))["Ed25519"]).rstrip(b"=")

    assert known == b"ZIgUREUg5PVgQ6LskhXmO+eZLS0nC8be6HPjYWR4YJY"


@passwords
def test_whoever_has_them_can_answer_the_native_plugin(password: bytes) -> None:
    made = dict(of_mysql(password))

    mask = hashlib.sha1(NONCE + made["SHA1(SHA1)"], usedforsecurity=False).digest()
    assert scramble_native_password(password, NONCE) == xored(made["SHA1"], mask)


@passwords
def test_whoever_has_them_can_answer_caching_sha2(password: bytes) -> None:
    made = dict(of_mysql(password))

    mask = hashlib.sha256(made["SHA256(SHA256)"] + NONCE).digest()
    assert scramble_caching_sha2(password, NONCE) == xored(made["SHA256"], mask)


def test_what_ed25519_signs_with_is_among_them() -> None:
    # RFC 8032, section 5.1, with the password in the place of the private key.
    assert dict(of_mysql(b"secret"))["SHA512"] == hashlib.sha512(b"secret").digest()


def xored(one: bytes, other: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(one, other, strict=True))
