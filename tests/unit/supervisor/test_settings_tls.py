"""How a connection is encrypted, as the file says it, and the sentence for each contradiction."""

import json
import os
from pathlib import Path

import pytest
import trustme
from msgspec import convert

from supervisor.keys import ConfigurationError
from supervisor.outfits import vault_settings
from supervisor.settings import check_configuration
from supervisor.strict_json import parse_json
from vault.settings import NamedConnection, VaultSettings
from wire.lending import Tls
from wire.names import ConnectionName

NAME = ConnectionName("main_db")
ELSEWHERE = "db.example.com"
ENGINES = pytest.mark.parametrize("engine", ["postgresql", "mysql"])


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """A configuration's directory, with a root, a certificate and its key."""
    root = trustme.CA()
    root.cert_pem.write_to_path(tmp_path / "root.pem")
    root.issue_cert("client.example.com").cert_chain_pems[0].write_to_path(tmp_path / "client.pem")
    (tmp_path / "client.key").write_text("nobody looks at this", encoding="ascii")
    (tmp_path / "client.key").chmod(0o600)
    return tmp_path


def told_to_vault(directory: Path, **changes: object) -> NamedConnection:
    """Return the connection as the vault reads it in its settings."""
    server: dict[str, object] = {
        "type": "postgresql",
        "host": ELSEWHERE,
        "database": "mydb",
        "credentialsEnv": "MAIN_DB_CREDENTIALS",
    }
    text = json.dumps({"connections": {NAME: {**server, **changes}}})
    found = check_configuration(parse_json(text.encode()), path=directory / "strongroom.json")
    return convert(vault_settings(found), VaultSettings).connections[NAME]


def refusal(directory: Path, **changes: object) -> str:
    with pytest.raises(ConfigurationError) as caught:
        told_to_vault(directory, **changes)
    sentence = str(caught.value)
    assert sentence.startswith(f'configuration {directory}/strongroom.json: connection "main_db":')
    assert sentence.count(str(directory)) == 1
    return sentence


@ENGINES
def test_off_this_machine_the_default_is_full_verification_by_the_systems_roots(
    directory: Path, engine: str
) -> None:
    assert told_to_vault(directory, type=engine).tls == Tls(mode="verify-full")


@ENGINES
@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "::1", "/run/database"])
def test_on_this_machine_the_default_is_no_encryption(
    directory: Path, engine: str, host: str
) -> None:
    told = told_to_vault(directory, type=engine, host=host)

    assert told.host == host
    assert told.tls is None


@ENGINES
@pytest.mark.parametrize("host", ["localhost", ELSEWHERE])
def test_what_is_written_counts_wherever_the_server_is(
    directory: Path, engine: str, host: str
) -> None:
    off = told_to_vault(directory, type=engine, host=host, sslmode="disable")
    on = told_to_vault(directory, type=engine, host=host, sslmode="require")

    assert off.tls is None
    assert on.tls == Tls(mode="require")


@pytest.mark.parametrize("mode", ["prefer", "allow"])
def test_a_mode_that_falls_back_is_refused_with_the_reason(directory: Path, mode: str) -> None:
    refused = refusal(directory, sslmode=mode)

    assert 'key "sslmode" must be "disable" or "require" or "verify-ca" or "verify-full"' in refused
    assert "fall back to no encryption" in refused


@pytest.mark.parametrize(
    ("written", "meant"), [("Verify-Full", "verify-full"), ("VERIFY_CA", "verify-ca")]
)
def test_a_mode_in_another_case_is_told_with_the_one_that_is_meant(
    directory: Path, written: str, meant: str
) -> None:
    refused = refusal(directory, sslmode=written)

    assert refused.endswith(f' or "verify-full"; did you mean "{meant}"?')


@pytest.mark.parametrize("mode", [True, "on", "verify", "REQUIRED"])
def test_a_mode_that_may_be_none_or_several_of_them_is_told_with_the_list_alone(
    directory: Path, mode: object
) -> None:
    assert refusal(directory, sslmode=mode).endswith(' or "verify-full"')


@pytest.mark.parametrize("mode", ["verify-ca", "verify-full"])
def test_files_are_found_relative_to_the_configuration(directory: Path, mode: str) -> None:
    told = told_to_vault(
        directory,
        sslmode=mode,
        sslrootcert="root.pem",
        sslcert="client.pem",
        sslkey=str(directory / "client.key"),
        sslnegotiation="direct",
    )

    assert told.tls is not None
    assert told.tls.mode == mode
    assert told.tls.roots == str(directory / "root.pem")
    assert told.tls.certificate == str(directory / "client.pem")
    assert told.tls.key == str(directory / "client.key")
    assert told.tls.is_direct


def test_a_file_behind_a_link_is_looked_up_by_each_login_anew(directory: Path) -> None:
    (directory / "current.pem").symlink_to("root.pem")

    told = told_to_vault(directory, sslrootcert="current.pem")

    assert told.tls is not None
    assert told.tls.roots == str(directory / "current.pem")


def test_the_systems_roots_may_be_named(directory: Path) -> None:
    assert told_to_vault(directory, sslrootcert="system").tls == Tls(mode="verify-full")


@pytest.mark.parametrize("roots", [{}, {"sslrootcert": "system"}])
def test_anybodys_certificate_is_not_enough_to_verify_by(
    directory: Path, roots: dict[str, str]
) -> None:
    assert '"sslmode": "verify-ca" needs "sslrootcert"' in refusal(
        directory, sslmode="verify-ca", **roots
    )


@pytest.mark.parametrize("roots", ["root.pem", "system"])
def test_roots_that_nothing_is_verified_by_are_refused(directory: Path, roots: str) -> None:
    refused = refusal(directory, sslmode="require", sslrootcert=roots)

    assert 'key "sslrootcert" would have no effect' in refused
    assert "verify-ca" in refused


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("sslrootcert", "root.pem"),
        ("sslcert", "client.pem"),
        ("sslkey", "client.key"),
        ("sslnegotiation", "direct"),
        ("channel_binding", "require"),
    ],
)
def test_what_needs_tls_is_refused_without_it(directory: Path, key: str, value: str) -> None:
    by_default = refusal(directory, host="localhost", **{key: value})
    in_words = refusal(directory, sslmode="disable", **{key: value})

    for refused in (by_default, in_words):
        assert f'key "{key}" needs TLS, and not "sslmode": "disable"' in refused
    assert "the default for a server on this machine" in by_default
    assert "the default" not in in_words


@pytest.mark.parametrize(("one", "other"), [("sslcert", "sslkey"), ("sslkey", "sslcert")])
def test_a_certificate_and_its_key_go_together(directory: Path, one: str, other: str) -> None:
    files = {"sslcert": "client.pem", "sslkey": "client.key"}

    assert f'key "{one}" needs "{other}" beside it' in refusal(directory, **{one: files[one]})


@pytest.mark.parametrize("key", ["sslrootcert", "sslcert", "sslkey"])
@pytest.mark.parametrize(
    ("name", "reason"), [("nothing.pem", "No such file or directory"), (".", "Not a file")]
)
def test_a_file_that_cannot_be_read_is_told_by_its_key(
    directory: Path, key: str, name: str, reason: str
) -> None:
    files = {"sslcert": "client.pem", "sslkey": "client.key", key: name}

    refused = refusal(directory, **files)

    assert f'key "{key}" must be the path of a file that can be read: {reason}' in refused
    assert "nothing.pem" not in refused


@pytest.mark.parametrize("key", ["sslrootcert", "sslcert"])
@pytest.mark.parametrize("content", ["", "PEM", "-----BEGIN CERTIFICATE-----\n!\n", "a key"])
def test_a_file_without_a_certificate_is_told_by_its_key(
    directory: Path, key: str, content: str
) -> None:
    if content == "a key":
        content = trustme.CA().private_key_pem.bytes().decode()
    (directory / "other.pem").write_text(content, encoding="ascii")
    files = {"sslcert": "client.pem", "sslkey": "client.key", key: "other.pem"}

    refused = refusal(directory, **files)

    assert f'key "{key}" must be the path of a PEM file with a certificate in it' in refused


def test_a_pipe_in_place_of_a_file_is_refused_and_not_waited_for(directory: Path) -> None:
    os.mkfifo(directory / "pipe")

    assert "Not a file" in refusal(directory, sslrootcert="pipe")


def test_a_missing_server_key_is_told_by_its_key(directory: Path) -> None:
    refused = refusal(directory, type="mysql", sslmode="disable", server_public_key="nothing.pem")

    assert 'key "server_public_key" must be the path of a file that can be read' in refused


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o610, 0o602, 0o660])
def test_a_private_key_that_others_can_read_is_refused(directory: Path, mode: int) -> None:
    key = directory / "client.key"
    key.chmod(mode)
    if os.geteuid() == 0:
        os.chown(key, 65534, -1)  # of what is root's a group may read

    refused = refusal(directory, sslcert="client.pem", sslkey="client.key")

    assert 'key "sslkey" must be the path of a file that nobody else can read' in refused
    assert "0600" in refused


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a file of root's")
@pytest.mark.parametrize(("mode", "is_good"), [(0o640, True), (0o660, False), (0o604, False)])
def test_a_private_key_of_roots_may_be_for_a_group(
    directory: Path, mode: int, *, is_good: bool
) -> None:
    (directory / "client.key").chmod(mode)
    files = {"sslcert": "client.pem", "sslkey": "client.key"}

    if is_good:
        assert told_to_vault(directory, **files).tls is not None
    else:
        assert "nobody else can read" in refusal(directory, **files)


@ENGINES
@pytest.mark.parametrize("mode", ["require", "verify-ca", "verify-full"])
def test_a_unix_socket_has_no_tls(directory: Path, engine: str, mode: str) -> None:
    refused = refusal(directory, type=engine, host="/run/database", sslmode=mode)

    assert 'key "sslmode" must be "disable" for a Unix socket' in refused


def test_the_port_of_a_socket_is_part_of_postgresqls_name_and_no_part_of_mysqls(
    directory: Path,
) -> None:
    assert told_to_vault(directory, host="/run/postgresql", port=5433).port == 5433
    assert 'key "port" has no effect' in refusal(
        directory, type="mysql", host="/run/mysqld/mysqld.sock", port=3306
    )


@pytest.mark.parametrize("key", ["sslmode", "sslrootcert", "sslcert", "auth", "channel_binding"])
def test_a_file_has_no_key_of_tls_or_logins(directory: Path, key: str) -> None:
    values = {"sslmode": "disable", "auth": "md5", "channel_binding": "prefer"}
    found = {"type": "sqlite", "database": "d.db", key: values.get(key, "root.pem")}
    text = json.dumps({"connections": {NAME: found}, "sqliteRoots": ["."]})

    with pytest.raises(
        ConfigurationError, match=f'"{key}" is not for connections of type "sqlite"'
    ):
        check_configuration(parse_json(text.encode()), path=directory / "strongroom.json")
