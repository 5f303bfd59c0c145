"""A login to MySQL or MariaDB uses no weaker plugin than its minimum, whatever the server asks."""

import contextlib
import hashlib
from itertools import product
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.vault.mysql_scripts import (
    CACHING,
    ED25519,
    FAST,
    FULL,
    NATIVE,
    OK,
    PASSWORD,
    PLUGINS,
    SHA256,
    Script,
    a_login,
    carried,
    error,
    greeting,
    heard_of,
    refused,
    some_terms,
    switch,
)
from vault.login.mysql_authentication import Terms
from vault.login.refusals import LoginRefusedError, Stage

if TYPE_CHECKING:
    from wire.names import MysqlAuth

ALLOWED: "dict[MysqlAuth, set[bytes]]" = {
    "caching_sha2_password": {CACHING, ED25519},
    "ed25519": {ED25519},
    "sha256_password": {CACHING, ED25519, SHA256},
    "mysql_native_password": {CACHING, ED25519, SHA256, NATIVE},
}
MINIMUMS: "list[MysqlAuth]" = list(ALLOWED)
OUTSIDE = (b"mysql_clear_password", b"dialog", b"mysql_old_password", b"auth_gssapi_client", b"x")
OTHER_PASSWORD = b"not the same one"

every_minimum = pytest.mark.parametrize("minimum", MINIMUMS)
either_tls = pytest.mark.parametrize(
    ("starts_tls", "is_verified"), [(False, False), (True, False), (True, True)]
)


def heard_by(says: list[bytes], how: Terms, password: bytes) -> list[bytes]:
    """Return what a server hears in a login, whatever comes of it."""
    script, given_password = Script(says), bytearray(password)
    with contextlib.suppress(LoginRefusedError):
        carried(a_login(how, given_password), script)
    assert not any(given_password)
    assert max(script.asked_bytes) <= 4096
    assert min(script.asked_bytes) > 0
    return script.heard


@every_minimum
@either_tls
@pytest.mark.parametrize("plugin", [*PLUGINS, *OUTSIDE])
@pytest.mark.parametrize("first", [CACHING, SHA256, NATIVE, *OUTSIDE])
def test_a_plugin_gets_something_derived_from_the_password_only_if_the_minimum_allows_it(
    minimum: "MysqlAuth", first: bytes, plugin: bytes, *, starts_tls: bool, is_verified: bool
) -> None:
    how = some_terms(minimum, starts_tls=starts_tls, is_verified=is_verified)
    says = [greeting(first), switch(plugin), OK, OK]

    one, other = (heard_by(says, how, word) for word in (PASSWORD, OTHER_PASSWORD))

    answered_at_once = first in ALLOWED[minimum] - {SHA256}
    answered = plugin in ALLOWED[minimum] and (plugin != SHA256 or is_verified)
    assert (one != other) is (answered_at_once or answered)


@every_minimum
@pytest.mark.parametrize("plugin", [*PLUGINS, *OUTSIDE])
def test_a_switch_to_a_plugin_outside_the_minimum_is_refused_and_one_inside_is_not(
    minimum: "MysqlAuth", plugin: bytes
) -> None:
    how = some_terms(minimum, starts_tls=True, is_verified=True)
    says = [greeting(b"none"), switch(plugin), *([FAST] if plugin == CACHING else []), OK]

    if plugin in ALLOWED[minimum]:
        assert len(heard_of(says, how)) == 3
    else:
        failure, script = refused(says, how)
        assert failure.stage is Stage.NEGOTIATE
        assert len(script.heard) == 2
        assert failure.sqlstate is None


@pytest.mark.parametrize(
    ("plugin", "minimum", "words"),
    [
        (NATIVE, "caching_sha2_password", ["weaker", '"auth": "mysql_native_password"']),
        (SHA256, "caching_sha2_password", ["weaker", '"auth": "sha256_password"']),
        (CACHING, "ed25519", ['"auth": "caching_sha2_password"']),
        (b"mysql_clear_password", "mysql_native_password", ["password itself", "Have the account"]),
        (b"dialog", "mysql_native_password", ["password itself", "Have the account"]),
        (b"mysql_old_password", "mysql_native_password", ["4.1", "Have the account"]),
        (b"something of theirs", "mysql_native_password", ["do not know", "Have the account"]),
    ],
)
def test_a_refused_plugin_is_named_with_what_to_do_about_it(
    plugin: bytes, minimum: "MysqlAuth", words: list[str]
) -> None:
    failure, _ = refused([greeting(b"none"), switch(plugin), OK], some_terms(minimum))

    assert all(word in failure.sentence for word in words)
    assert "theirs" not in failure.sentence


@every_minimum
@either_tls
@pytest.mark.parametrize(
    "says",
    [
        pytest.param([greeting(b"none"), OK], id="nothing asked"),
        pytest.param([greeting(CACHING), OK], id="scramble not looked at"),
        pytest.param([greeting(b"none"), switch(CACHING), OK], id="not looked at after a switch"),
    ],
)
def test_a_server_that_lets_us_in_too_early_is_refused(
    minimum: "MysqlAuth", says: list[bytes], *, starts_tls: bool, is_verified: bool
) -> None:
    how = some_terms(minimum, starts_tls=starts_tls, is_verified=is_verified)

    failure, _ = refused(says, how)

    if switch(CACHING) not in says or minimum != "ed25519":
        assert "it may let anyone in" in failure.sentence


def derived(password: bytes) -> list[bytes]:
    """Return what is as good as the password, or helps to guess it."""
    once = hashlib.sha256(password).digest()
    native = hashlib.sha1(password).digest()  # noqa: S324 - the plugin's hash
    return [password, once, hashlib.sha256(once).digest(), native]


SALTED = st.builds(
    switch,
    st.sampled_from([*PLUGINS, *OUTSIDE]),
    st.one_of(st.none(), st.binary(min_size=20, max_size=21), st.binary(max_size=40)),
)
ANYTHING = st.one_of(
    st.binary(min_size=1, max_size=60),
    st.sampled_from([OK, FAST, FULL, b"\xfe", b"\x01-----BEGIN PUBLIC KEY-----"]),
    st.builds(error, st.integers(0, 65_535)),
    SALTED,
)


@settings(deadline=None, max_examples=400)
@given(
    st.sampled_from(MINIMUMS),
    st.sampled_from([(False, False), (True, False), (True, True)]),
    st.one_of(st.sampled_from([*PLUGINS, *OUTSIDE]).map(greeting), ANYTHING),
    st.lists(ANYTHING, max_size=5),
)
def test_whatever_a_server_says_it_gets_no_more_than_the_terms_allow(
    minimum: "MysqlAuth", tls: tuple[bool, bool], first: bytes, then: list[bytes]
) -> None:
    how = some_terms(minimum, starts_tls=tls[0], is_verified=tls[1])
    says = [first, *then]

    one, other = (heard_by(says, how, word) for word in (PASSWORD, OTHER_PASSWORD))

    named = {plugin for plugin in PLUGINS if plugin in b"".join(says)}
    if not named & ALLOWED[minimum]:
        assert one == other
    if not tls[1]:
        assert not any(secret in b"".join(one) for secret in derived(PASSWORD))
    if tls[0]:
        assert one[:1] == other[:1]
    assert len(one) <= 4


def test_a_stronger_minimum_never_allows_what_a_weaker_one_refuses() -> None:
    order: list[MysqlAuth] = [
        "ed25519",
        "caching_sha2_password",
        "sha256_password",
        "mysql_native_password",
    ]
    allowed: dict[MysqlAuth, set[bytes]] = {}

    for minimum, plugin in product(order, PLUGINS):
        how = some_terms(minimum, starts_tls=True, is_verified=True)
        heard = heard_by([greeting(b"none"), switch(plugin)], how, PASSWORD)
        allowed.setdefault(minimum, set()).update({plugin} if len(heard) == 3 else set())

    assert allowed == ALLOWED
    assert [len(allowed[minimum]) for minimum in order] == [1, 2, 3, 4]
