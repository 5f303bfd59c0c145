"""What each plugin computes is what a driver's own code computes, and what a server can check."""

import hashlib

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from hypothesis import given, settings
from hypothesis import strategies as st
from pymysql import _auth as theirs

from tests.unit.vault.making import ODD_PASSWORDS
from vault.login import mysql_ed25519, mysql_rsa, mysql_scrambles
from vault.login.refusals import LoginRefusedError, Stage

PASSWORDS = st.one_of(
    st.binary(min_size=1, max_size=300), st.sampled_from([word.encode() for word in ODD_PASSWORDS])
)
SALTS = st.binary(min_size=20, max_size=20)


@pytest.fixture(scope="module")
def private_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


def pem(key: rsa.RSAPublicKey | ec.EllipticCurvePublicKey) -> bytes:
    return key.public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )


@settings(deadline=None)
@given(PASSWORDS, SALTS)
def test_the_native_answer_is_the_one_that_a_driver_gives(password: bytes, salt: bytes) -> None:
    ours = mysql_scrambles.native(bytearray(password), salt)

    assert ours == theirs.scramble_native_password(password, salt)


@settings(deadline=None)
@given(PASSWORDS, SALTS)
def test_the_caching_sha2_answer_is_the_one_that_a_driver_gives(
    password: bytes, salt: bytes
) -> None:
    ours = mysql_scrambles.caching_sha2(bytearray(password), salt)

    assert ours == theirs.scramble_caching_sha2(password, salt)


@settings(deadline=None)
@given(PASSWORDS, st.binary(min_size=32, max_size=32))
def test_the_ed25519_answer_is_the_one_that_a_driver_gives(password: bytes, salt: bytes) -> None:
    ours = mysql_ed25519.sign(bytearray(password), salt)

    assert ours == theirs.ed25519_password(password, salt)


def test_a_server_that_stores_a_hash_of_the_native_hash_can_check_the_answer() -> None:
    salt = b"twenty bytes of salt"
    stored = hashlib.sha1(hashlib.sha1(b"tuna").digest()).digest()  # noqa: S324 - the plugin's hash

    answer = mysql_scrambles.native(bytearray(b"tuna"), salt)

    mask = hashlib.sha1(salt + stored).digest()  # noqa: S324
    once = bytes(a ^ b for a, b in zip(answer, mask, strict=True))
    assert hashlib.sha1(once).digest() == stored  # noqa: S324


@pytest.mark.parametrize("word", [*ODD_PASSWORDS[:-1], "x" * 213])
def test_only_the_holder_of_the_key_reads_a_password_that_is_encrypted_to_it(
    private_key: rsa.RSAPrivateKey, word: str
) -> None:
    salt, key = b"twenty bytes of salt", mysql_rsa.load(pem(private_key.public_key()))

    sent = mysql_rsa.encrypt(bytearray(word.encode()), salt=salt, key=key)

    sha1 = hashes.SHA1()  # noqa: S303 - what the servers use
    mixed = private_key.decrypt(sent, padding.OAEP(padding.MGF1(sha1), sha1, label=None))
    clear = bytes(byte ^ salt[at % len(salt)] for at, byte in enumerate(mixed))
    assert clear == word.encode() + b"\0"


def test_a_password_that_the_key_has_no_room_for_is_refused(private_key: rsa.RSAPrivateKey) -> None:
    with pytest.raises(LoginRefusedError) as failure:
        mysql_rsa.encrypt(bytearray(b"x" * 214), salt=b"salt", key=private_key.public_key())

    assert failure.value.stage is Stage.AUTHENTICATE
    assert "too long" in failure.value.sentence


def short_key() -> bytes:
    return pem(rsa.generate_private_key(65537, 1024).public_key())  # noqa: S505 - the point of it


def curve_key() -> bytes:
    return pem(ec.generate_private_key(ec.SECP256R1()).public_key())


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"hunter2", id="not PEM"),
        pytest.param(b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", id="no key"),
        pytest.param(short_key, id="too short"),
        pytest.param(curve_key, id="of another kind"),
    ],
)
def test_a_pinned_key_that_is_none_is_refused_without_a_word_of_it(content: object) -> None:
    given_pem = content() if callable(content) else content
    assert isinstance(given_pem, bytes)

    with pytest.raises(LoginRefusedError) as failure:
        mysql_rsa.load(given_pem)

    assert failure.value.stage is Stage.NEGOTIATE
    assert "server_public_key" in failure.value.sentence
    assert "hunter2" not in str(failure.value)
