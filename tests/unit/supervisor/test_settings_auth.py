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


def test_sending_the_password_itself_is_refused_as_long_as_there_is_no_tls() -> None:
    refused = refusal(auth="password")

    assert 'connection "main_db"' in refused
    assert '"auth": "password"' in refused
    assert "TLS is not available yet" in refused
    assert '"md5" is the weakest' in refused


@pytest.mark.parametrize("auth", ["scram", "MD5", "trust", "", None, 5, True, ["md5"]])
def test_what_is_no_minimum_is_refused(auth: object) -> None:
    assert 'key "auth" must be' in refusal(auth=auth)


def test_the_minimum_is_not_for_mysql() -> None:
    assert 'key "auth" is for connections of type "postgresql"' in refusal(type="mysql", auth="md5")
