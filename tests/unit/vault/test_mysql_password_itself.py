"""The password itself goes to verified servers only, or encrypted to a pinned key."""

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from tests.unit.vault.mysql_scripts import (
    CACHING,
    FAST,
    FULL,
    OK,
    OTHER_SALT,
    PASSWORD,
    SALT,
    SHA256,
    error,
    greeting,
    heard_of,
    refused,
    some_terms,
    switch,
)
from vault.login.refusals import Stage


@pytest.fixture(scope="module")
def private_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


@pytest.fixture
def pinned(private_key: rsa.RSAPrivateKey) -> bytes:
    return private_key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )


ASKS_FOR_IT = [
    pytest.param([greeting(CACHING), FULL, OK], id="caching_sha2"),
    pytest.param([greeting(SHA256), switch(CACHING), FULL, OK], id="caching_sha2 after a switch"),
    pytest.param([greeting(CACHING), switch(SHA256), OK], id="sha256"),
]


@pytest.mark.parametrize("says", ASKS_FOR_IT)
@pytest.mark.parametrize("has_key", [False, True])
def test_tls_that_verified_nobody_never_carries_the_password(
    says: list[bytes], pinned: bytes, *, has_key: bool
) -> None:
    how = some_terms("sha256_password", starts_tls=True, server_key=pinned if has_key else None)

    failure, script = refused(says, how)

    assert "not verified" in failure.sentence
    assert "sslmode" in failure.sentence
    assert len(script.heard) == len(says) - 1
    assert PASSWORD not in b"".join(script.heard)


@pytest.mark.parametrize("says", ASKS_FOR_IT)
def test_the_password_never_goes_in_the_open(says: list[bytes]) -> None:
    failure, script = refused(says, some_terms("sha256_password"))

    assert "not encrypted" in failure.sentence
    assert "server_public_key" in failure.sentence
    assert PASSWORD not in b"".join(script.heard)


@pytest.mark.parametrize("says", ASKS_FOR_IT)
def test_without_tls_the_password_goes_encrypted_to_the_pinned_key(
    says: list[bytes], pinned: bytes, private_key: rsa.RSAPrivateKey
) -> None:
    heard = heard_of(says, some_terms("sha256_password", server_key=pinned))

    sha1 = hashes.SHA1()  # noqa: S303 - what the servers use
    mixed = private_key.decrypt(heard[-1], padding.OAEP(padding.MGF1(sha1), sha1, label=None))
    salt = SALT if says[1] == FULL else OTHER_SALT
    assert bytes(a ^ b for a, b in zip(mixed, salt, strict=False)) == PASSWORD + b"\0"
    assert PASSWORD not in b"".join(heard)


@pytest.mark.parametrize("says", ASKS_FOR_IT)
def test_a_refusal_of_what_went_by_the_pinned_key_doubts_the_key_too(
    says: list[bytes], pinned: bytes
) -> None:
    no = error(1045)
    by_key = some_terms("sha256_password", server_key=pinned)
    in_tls = some_terms("sha256_password", starts_tls=True, is_verified=True, server_key=pinned)

    failure, _ = refused([*says[:-1], no], by_key)
    without, _ = refused([*says[:-1], no], in_tls)
    before_it, _ = refused([greeting(CACHING), no], by_key)
    unused, _ = refused([greeting(CACHING), FAST, no], by_key)

    assert "server_public_key" in failure.sentence
    assert failure.errno == 1045
    for other in (without, before_it, unused):
        assert "server_public_key" not in other.sentence


@pytest.mark.parametrize("says", ASKS_FOR_IT)
def test_a_servers_own_key_is_neither_asked_for_nor_used(says: list[bytes], pinned: bytes) -> None:
    its_own = b"\x01" + pinned

    for how in (some_terms("sha256_password"), some_terms("sha256_password", server_key=pinned)):
        offered = [one if one not in {FULL, OK} else its_own for one in says]
        failure, script = refused(offered, how)

        assert failure.stage is Stage.AUTHENTICATE
        assert b"\x02" not in script.bodies()
        assert b"\x01" not in script.bodies()
        assert PASSWORD not in b"".join(script.heard)


@pytest.mark.parametrize("says", ASKS_FOR_IT)
def test_a_password_with_a_nul_is_not_sent_cut_short(says: list[bytes], pinned: bytes) -> None:
    for how in (
        some_terms("sha256_password", starts_tls=True, is_verified=True),
        some_terms("sha256_password", server_key=pinned),
    ):
        failure, script = refused(says, how, b"cut\0here")

        assert "NUL" in failure.sentence
        assert b"cut" not in b"".join(script.heard)


def test_a_pinned_key_that_is_none_stops_the_login_before_it_begins() -> None:
    failure, script = refused([greeting(), FAST, OK], some_terms("ed25519", server_key=b"no key"))

    assert "server_public_key" in failure.sentence
    assert script.heard == []
