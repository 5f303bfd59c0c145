"""Which login a connection accepts at least, and the sentence for what it cannot accept."""

import json
from pathlib import Path

import pytest
from msgspec import convert

from supervisor.keys import ConfigurationError
from supervisor.outfits import vault_settings
from supervisor.settings import Configuration, check_configuration
from supervisor.strict_json import parse_json
from vault.settings import VaultSettings
from wire.names import ConnectionName

NAME = ConnectionName("main_db")


def read(**changes: object) -> Configuration:
    server = {
        "type": "postgresql",
        "host": "localhost",
        "database": "mydb",
        "credentialsEnv": "MAIN_DB_CREDENTIALS",
    }
    text = json.dumps({"connections": {NAME: {**server, **changes}}})
    return check_configuration(parse_json(text.encode()), path=Path("strongroom.json"))


def read_mysql(**changes: object) -> Configuration:
    return read(type="mysql", **changes)


def refusal(**changes: object) -> str:
    with pytest.raises(ConfigurationError) as caught:
        read(**changes)
    return str(caught.value)


def told_to_vault(found: Configuration) -> str:
    """Return the minimum that the vault reads in its settings."""
    settings = convert(vault_settings(found), VaultSettings)
    return settings.connections[NAME].auth


def test_a_connection_that_says_nothing_accepts_scram_only() -> None:
    assert told_to_vault(read()) == "scram-sha-256"


@pytest.mark.parametrize("auth", ["scram-sha-256", "md5"])
def test_the_minimum_that_is_written_is_the_one_that_the_vault_is_told(auth: str) -> None:
    assert told_to_vault(read(auth=auth)) == auth


def test_a_mysql_connection_that_says_nothing_accepts_the_strongest_plugins_only() -> None:
    assert told_to_vault(read_mysql()) == "caching_sha2_password"


@pytest.mark.parametrize("auth", ["caching_sha2_password", "ed25519", "mysql_native_password"])
def test_the_plugin_that_is_written_is_the_one_that_the_vault_is_told(auth: str) -> None:
    assert told_to_vault(read_mysql(auth=auth)) == auth


@pytest.mark.parametrize(
    ("engine", "auth"), [("postgresql", "password"), ("mysql", "sha256_password")]
)
@pytest.mark.parametrize("mode", ["disable", "require", None])
def test_sending_the_password_itself_needs_a_server_that_is_verified(
    engine: str, auth: str, mode: str | None
) -> None:
    written = {} if mode is None else {"sslmode": mode}

    refused = refusal(type=engine, auth=auth, **written)

    assert 'connection "main_db"' in refused
    assert f'"auth": "{auth}"' in refused
    assert '"sslmode": "verify-full" or "verify-ca"' in refused
    assert ('"server_public_key"' in refused) is (engine == "mysql")
    assert told_to_vault(read(type=engine, auth=auth, sslmode="verify-full")) == auth


def test_a_server_key_lets_sha256_password_do_without_tls(tmp_path: Path) -> None:
    key = tmp_path / "server.pem"
    key.touch()

    found = read_mysql(auth="sha256_password", server_public_key=str(key))

    told = convert(vault_settings(found), VaultSettings).connections[NAME]
    assert (told.auth, told.tls, told.server_key) == ("sha256_password", None, str(key))


@pytest.mark.parametrize(
    "auth", ["caching_sha2_password", "sha256_password", "mysql_native_password"]
)
def test_a_server_key_is_for_every_login_without_tls_that_may_send_the_password(
    tmp_path: Path, auth: str
) -> None:
    key = tmp_path / "server.pem"
    key.touch()

    found = read_mysql(auth=auth, sslmode="disable", server_public_key=str(key))

    assert convert(vault_settings(found), VaultSettings).connections[NAME].server_key == str(key)


@pytest.mark.parametrize("mode", ["require", "verify-full"])
@pytest.mark.parametrize("auth", ["caching_sha2_password", "sha256_password"])
def test_a_server_key_that_tls_would_leave_unused_is_refused(auth: str, mode: str) -> None:
    refused = refusal(type="mysql", auth=auth, sslmode=mode, server_public_key="server.pem")

    assert f'"server_public_key" would have no effect with "sslmode": "{mode}":' in refused
    assert refused.endswith("leave it out")


def test_a_server_key_that_the_default_would_leave_unused_is_refused_with_the_default() -> None:
    refused = refusal(type="mysql", host="db.example.com", server_public_key="server.pem")

    assert '"sslmode": "verify-full", which is the default for a server elsewhere:' in refused


def test_a_server_key_beside_a_login_that_never_sends_the_password_is_refused() -> None:
    refused = refusal(type="mysql", auth="ed25519", server_public_key="server.pem")

    assert '"server_public_key" would have no effect with "auth": "ed25519"' in refused


@pytest.mark.parametrize("auth", ["scram", "MD5", "trust", "", None, 5, True, ["md5"]])
def test_what_is_no_minimum_is_refused(auth: object) -> None:
    assert 'key "auth" must be' in refusal(auth=auth)


@pytest.mark.parametrize(
    ("engine", "auth"),
    [("mysql", "md5"), ("mysql", "password"), ("postgresql", "ed25519")],
)
def test_the_minimum_of_another_engine_is_refused_with_those_of_this_one(
    engine: str, auth: str
) -> None:
    refused = refusal(type=engine, auth=auth)

    assert 'key "auth" must be' in refused
    assert f'for connections of type "{engine}"' in refused
    assert f'"{auth}"' not in refused
    assert refused.count('"scram-sha-256"') == (engine == "postgresql")


@pytest.mark.parametrize("auth", ["native", "trust", None, 5])
def test_a_minimum_of_no_engine_is_refused_with_those_of_this_one(auth: object) -> None:
    assert refusal(auth=auth).endswith('must be "scram-sha-256" or "md5" or "password"')
    assert refusal(type="mysql", auth=auth).endswith(
        'must be "caching_sha2_password" or "ed25519" or "sha256_password" or '
        '"mysql_native_password"'
    )


@pytest.mark.parametrize(
    ("engine", "auth", "meant"),
    [
        ("postgresql", "SCRAM-SHA-256", "scram-sha-256"),
        ("mysql", "MYSQL_NATIVE_PASSWORD", "mysql_native_password"),
    ],
)
def test_a_minimum_in_another_case_is_told_with_the_one_that_is_meant(
    engine: str, auth: str, meant: str
) -> None:
    assert refusal(type=engine, auth=auth).endswith(f'; did you mean "{meant}"?')


@pytest.mark.parametrize("auth", ["mysql_clear_password", "dialog", "mysql_old_password"])
def test_plugins_that_are_never_used_are_no_minimum(auth: str) -> None:
    assert 'key "auth" must be' in refusal(type="mysql", auth=auth)


@pytest.mark.parametrize(
    ("engine", "key", "value", "only"),
    [
        ("mysql", "channel_binding", "disable", "postgresql"),
        ("mysql", "sslnegotiation", "postgres", "postgresql"),
        ("postgresql", "server_public_key", "server.pem", "mysql"),
    ],
)
def test_a_key_of_the_other_engine_is_refused(engine: str, key: str, value: str, only: str) -> None:
    refused = refusal(type=engine, sslmode="verify-full", **{key: value})

    assert f'key "{key}" is for connections of type "{only}"' in refused


@pytest.mark.parametrize(
    ("key", "value"), [("channel_binding", "require"), ("sslnegotiation", "direct")]
)
@pytest.mark.parametrize("mode", ["disable", "verify-full"])
def test_a_key_of_the_other_engine_is_not_told_to_need_tls(key: str, value: str, mode: str) -> None:
    refused = refusal(type="mysql", sslmode=mode, **{key: value})

    assert refused.endswith(f'key "{key}" is for connections of type "postgresql"')


@pytest.mark.parametrize("binding", ["disable", "prefer", "require"])
def test_the_channel_binding_that_is_written_is_the_one_that_the_vault_is_told(
    binding: str,
) -> None:
    found = read(sslmode="require", channel_binding=binding)

    told = convert(vault_settings(found), VaultSettings).connections[NAME]
    assert told.channel_binding == binding


def test_a_binding_that_is_required_needs_the_login_that_can_bind() -> None:
    refused = refusal(sslmode="verify-full", channel_binding="require", auth="md5")

    assert '"channel_binding": "require" needs "auth": "scram-sha-256"' in refused
