"""Logins to a real MariaDB and a real MySQL, by each of their plugins."""

import secrets

import pytest

from tests.harness.mariadb import MariadbServer
from tests.harness.mysql9 import Mysql9Server
from tests.unit.vault.mysql_lines import Dial, a_user, log_in
from vault.login.refusals import LoginRefusedError, Stage
from wire.names import MysqlAuth

WORDS = {
    "one": "x",
    "two": "a1",
    "signs": ":@/%' \"\\",
    "spaces": "  in front and behind  ",
    "long": "correct horse battery staple " * 6,
    "umlauts": "pässwörter",
    "Korean": "암호",
    "emoji": "🔑🔑",
    "random": secrets.token_urlsafe(30),
}


every_word = pytest.mark.parametrize(
    "word", [pytest.param(word, id=name) for name, word in WORDS.items()]
)
either_way = pytest.mark.parametrize("starts_tls", [False, True], ids=["plain", "TLS"])


@every_word
@either_way
@pytest.mark.parametrize("plugin", ["ed25519", "mysql_native_password"])
def test_mariadb_lets_the_right_password_in_and_refuses_another(
    mariadb: MariadbServer, dial_mysql: Dial, word: str, plugin: MysqlAuth, *, starts_tls: bool
) -> None:
    user = a_user(mariadb, word, plugin)

    session = log_in(
        dial_mysql(mariadb), user, word.encode(), minimum=plugin, starts_tls=starts_tls
    )
    with pytest.raises(LoginRefusedError) as failure:
        log_in(dial_mysql(mariadb), user, word.encode() + b"?", starts_tls=starts_tls)

    assert session.backend_id > 0
    refusal = failure.value
    assert (refusal.stage, refusal.sqlstate, refusal.errno) == (Stage.AUTHENTICATE, "28000", 1045)


@every_word
@pytest.mark.parametrize("plugin", ["caching_sha2_password", "sha256_password"])
def test_mysql_lets_the_right_password_in_with_a_cold_and_a_warm_cache_and_refuses_another(
    mysql9: Mysql9Server, dial_mysql: Dial, word: str, plugin: MysqlAuth
) -> None:
    user = a_user(mysql9, word, plugin)
    mysql9.forget_logins()

    cold = log_in(dial_mysql(mysql9), user, word.encode(), minimum=plugin)
    warm = log_in(dial_mysql(mysql9), user, word.encode(), minimum=plugin)
    with pytest.raises(LoginRefusedError) as failure:
        log_in(dial_mysql(mysql9), user, word.encode() + b"?", minimum=plugin)

    assert warm.backend_id > cold.backend_id > 0
    refusal = failure.value
    assert (refusal.stage, refusal.sqlstate, refusal.errno) == (Stage.AUTHENTICATE, "28000", 1045)


@every_word
@pytest.mark.parametrize("plugin", ["caching_sha2_password", "sha256_password"])
def test_without_tls_mysql_can_read_what_is_encrypted_to_its_key(
    mysql9: Mysql9Server, dial_mysql: Dial, word: str, plugin: MysqlAuth
) -> None:
    user = a_user(mysql9, word, plugin)
    mysql9.forget_logins()

    session = log_in(
        dial_mysql(mysql9),
        user,
        word.encode(),
        minimum=plugin,
        starts_tls=False,
        server_key=mysql9.public_key.read_bytes(),
    )

    assert session.backend_id > 0


def test_without_tls_and_key_only_a_warm_cache_lets_in(
    mysql9: Mysql9Server, dial_mysql: Dial
) -> None:
    user = a_user(mysql9, "tuna", "caching_sha2_password")
    mysql9.forget_logins()

    with pytest.raises(LoginRefusedError) as failure:
        log_in(dial_mysql(mysql9), user, b"tuna", starts_tls=False)
    log_in(dial_mysql(mysql9), user, b"tuna")
    session = log_in(dial_mysql(mysql9), user, b"tuna", starts_tls=False)

    assert "never sent" in failure.value.sentence
    assert session.backend_id > 0


@pytest.mark.parametrize(
    ("minimum", "plugin"),
    [("caching_sha2_password", "mysql_native_password"), ("ed25519", "mysql_native_password")],
)
def test_mariadb_is_refused_where_the_account_has_less_than_the_minimum(
    mariadb: MariadbServer, dial_mysql: Dial, minimum: MysqlAuth, plugin: MysqlAuth
) -> None:
    user = a_user(mariadb, "tuna", plugin)

    with pytest.raises(LoginRefusedError) as failure:
        log_in(dial_mysql(mariadb), user, b"tuna", minimum=minimum)

    assert (failure.value.stage, failure.value.errno) == (Stage.NEGOTIATE, None)


def test_mysql_is_refused_where_the_account_has_less_than_the_minimum(
    mysql9: Mysql9Server, dial_mysql: Dial
) -> None:
    user = a_user(mysql9, "tuna", "sha256_password")

    with pytest.raises(LoginRefusedError) as failure:
        log_in(dial_mysql(mysql9), user, b"tuna", minimum="caching_sha2_password")

    assert (failure.value.stage, failure.value.errno) == (Stage.NEGOTIATE, None)
