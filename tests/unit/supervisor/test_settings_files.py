"""SQLite files and dynamic targets in the configuration, and the sentence for each wrong one."""

import json
from pathlib import Path

import pytest

from supervisor.keys import ConfigurationError
from supervisor.settings import Configuration, check_configuration
from supervisor.strict_json import parse_json
from supervisor.targets import LOOPBACK_TARGETS
from wire.lending import AllowedTarget
from wire.names import ConnectionName

NAME = ConnectionName("books")


def read(directory: Path, **keys: object) -> Configuration:
    found = parse_json(json.dumps(keys).encode())
    return check_configuration(found, path=directory / "strongroom.json")


def refusal(directory: Path, **keys: object) -> str:
    with pytest.raises(ConfigurationError) as caught:
        read(directory, **keys)
    return str(caught.value)


def books(database: str = "data/books.db", **changes: object) -> dict[str, object]:
    return {NAME: {"type": "sqlite", "database": database, **changes}}


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    (tmp_path / "data").mkdir()
    return tmp_path


def test_a_file_is_found_relative_to_the_configuration(directory: Path) -> None:
    found = read(directory, connections=books(access="read-only"), sqliteRoots=["data"])

    assert found.files()[NAME].path == directory.resolve() / "data" / "books.db"
    assert found.files()[NAME].access == "read-only"
    assert found.servers() == {}


@pytest.mark.parametrize(
    ("database", "words"),
    [
        (":memory:", "path of a file"),
        ("file:data/books.db?mode=rw", "path of a file"),
        ("data/../../books.db", "inside one of"),
        ("/etc/passwd", "inside one of"),
        ("data", "inside one of"),
        ("data/\0books.db", "printable"),
    ],
)
def test_a_database_that_is_no_file_below_a_root_is_refused(
    directory: Path, database: str, words: str
) -> None:
    refused = refusal(directory, connections=books(database), sqliteRoots=["data"])

    assert words in refused
    assert '"books"' in refused


def test_a_symbolic_link_out_of_the_root_is_refused(directory: Path) -> None:
    (directory / "data" / "link.db").symlink_to(directory / "elsewhere.db")

    assert "symbolic link" in refusal(
        directory, connections=books("data/link.db"), sqliteRoots=["data"]
    )


def test_a_file_needs_roots_and_nothing_of_a_server(directory: Path) -> None:
    without = refusal(directory, connections=books())
    with_host = refusal(directory, connections=books(host="localhost"), sqliteRoots=["data"])

    assert '"sqliteRoots" must name' in without
    assert 'key "host" is not for connections of type "sqlite"' in with_host


@pytest.mark.parametrize("roots", ["data", ["nowhere"], [7], ["data"] * 101])
def test_roots_that_are_no_directories_are_refused(directory: Path, roots: object) -> None:
    assert '"sqliteRoots"' in refusal(directory, connections=books(), sqliteRoots=roots)


def test_the_root_of_all_files_is_no_directory_for_databases(directory: Path) -> None:
    refused = refusal(directory, connections=books(), sqliteRoots=["data", "/"])

    assert '"sqliteRoots", entry 2' in refused
    assert "root of all files" in refused


def test_a_directory_in_place_of_a_file_is_told(directory: Path) -> None:
    (directory / "data" / "inner").mkdir()

    assert "a directory's" in refusal(
        directory, connections=books("data/inner"), sqliteRoots=["data"]
    )


def test_clients_may_bring_no_password_and_reach_this_machine_only_by_default(
    directory: Path,
) -> None:
    found = read(directory, connections=books(), sqliteRoots=["data"]).dynamic

    assert not found.accepts_plaintext
    assert found.targets == LOOPBACK_TARGETS


def test_targets_are_read(directory: Path) -> None:
    targets = [
        "loopback",
        {"host": "db.example.com", "port": 5432},
        {"network": "10.1.0.0/16"},
        {"network": "127.0.0.1"},
    ]

    found = read(
        directory,
        connections=books(),
        sqliteRoots=["data"],
        plaintextPasswords="accept",
        dynamicTargets=targets,
    ).dynamic

    assert found.accepts_plaintext
    assert found.targets == (
        *LOOPBACK_TARGETS,
        AllowedTarget(host="db.example.com", port=5432),
        AllowedTarget(network="10.1.0.0/16"),
        AllowedTarget(network="127.0.0.1/32"),
    )


@pytest.mark.parametrize(
    ("targets", "words"),
    [
        ("loopback", "must be a list"),
        (["everywhere"], 'must be "loopback"'),
        ([{}], '"host" or "network"'),
        ([{"host": "localhost", "network": "127.0.0.1"}], "not both"),
        ([{"host": "db.example.com", "sslmode": "disable"}], 'as with "verify-full"'),
        ([{"host": "/run/postgresql"}], "a host name or an IP address"),
        ([{"network": "10.0.0.1/8"}], "an address or a network"),
        ([{"host": "localhost", "ports": 1}], 'did you mean "port"?'),
        ([{"network": "169.254.0.0/16"}], "ever connected to"),
        ([{"host": "169.254.169.254"}], "ever connected to"),
        ([{"network": "fe80::/10"}], "ever connected to"),
        ([{"network": "224.0.0.0/4"}], "ever connected to"),
        ([{"host": "::"}], "ever connected to"),
    ],
)
def test_a_target_that_is_none_is_refused_with_its_number(
    directory: Path, targets: object, words: str
) -> None:
    refused = refusal(directory, connections=books(), sqliteRoots=["data"], dynamicTargets=targets)

    assert words in refused
    assert '"dynamicTargets"' in refused


def test_a_name_that_the_vault_gives_itself_is_refused(directory: Path) -> None:
    refused = refusal(
        directory,
        connections={"dynamic:1": {"type": "sqlite", "database": "data/books.db"}},
        sqliteRoots=["data"],
    )

    assert 'begins with "dynamic:"' in refused
