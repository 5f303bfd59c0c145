"""SQLite files beside a PostgreSQL server, by real clients through a whole system."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.harness.clients import WAYS, McpClient, fault_of, open_client
from tests.harness.databases import Databases
from tests.harness.files import Files
from tests.harness.system import System
from tests.harness.waiting import until

ENDLESS = "with recursive c(i) as (select 1 union all select i + 1 from c) select count(*) from c"


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    directory = tmp_path_factory.mktemp("files")
    (directory / "garbage.db").write_bytes(b"no database" * 1000)
    made = Files(directory)
    for name in ("garbage", "missing"):
        path = str(directory / f"{name}.db")
        made.connections[name] = {"type": "sqlite", "database": path}
    return made


@pytest.fixture(scope="module")
def system(databases: Databases, files: Files) -> Iterator[System]:
    with System(
        configuration={
            "connections": {**databases.connections, **files.connections},
            "sqliteRoots": [str(files.directory)],
            "limits": {"statementSeconds": 3},
        },
        credentials=databases.environment,
    ) as running:
        yield running


@pytest.fixture(params=WAYS)
def client(request: pytest.FixtureRequest, system: System) -> Iterator[McpClient]:
    with open_client(system, str(request.param)) as made:
        yield made


def test_a_client_uses_a_file_and_a_server_side_by_side(client: McpClient, files: Files) -> None:
    opened = client.call("connect_named_storage", connection_name="shop")
    shop, server = str(opened.pop("connection_id")), client.connect("reader")

    written = client.execute(shop, "insert into t (word) values (:word)", word="schön")
    read = client.execute(shop, "select word from t where word = :word limit 1", word="schön")
    beside = client.execute(server, "select 1 as one")
    gone = client.call("disconnect_storage", connection_id=shop)
    after = client.execute(shop, "select 1")

    assert opened == {
        "success": True,
        "connection_name": "shop",
        "type": "sqlite",
        "database": "shop.db",
        "access": "read-write",
    }
    assert written == {"success": True, "affected_rows": 1}
    assert read["rows"] == [{"word": "schön"}]
    assert beside["rows"] == [{"one": 1}]
    assert gone == {"success": True}
    assert after["error"] == "Invalid connection ID"
    assert str(files.directory) not in str(opened)


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("missing", "The database file does not exist"),
        ("garbage", "The file is not a SQLite database"),
    ],
)
def test_a_file_that_cannot_be_opened_fails_at_connect(
    client: McpClient, files: Files, name: str, sentence: str
) -> None:
    answer = client.call("connect_named_storage", connection_name=name)

    assert answer["error"] == sentence
    assert fault_of(answer)["code"] == "database_unreachable"
    assert str(files.directory) not in str(answer)


def test_a_lease_whose_file_did_not_open_is_ended(client: McpClient, system: System) -> None:
    client.call("connect_named_storage", connection_name="missing")

    # The client has its answer at once; the vault hears of the end from the router.
    until(lambda: "missing" not in {one["connection"] for one in system.status().leases or []})


def test_a_reader_of_a_file_cannot_write(client: McpClient, files: Files) -> None:
    reader, before = client.connect("shop_reader"), files.count()

    answers = [
        client.execute(reader, statement)
        for statement in (
            "insert into t (word) values ('never')",
            "with a as (select 1) delete from t",
            "pragma user_version = 7",
        )
    ]

    assert {str(fault_of(one)["code"]) for one in answers} <= {"read_only", "statement_refused"}
    assert files.count() == before


def test_an_endless_statement_ends_and_the_next_works(client: McpClient) -> None:
    shop = client.connect("shop")

    endless = client.execute(shop, ENDLESS)
    bomb = client.execute(shop, "select randomblob(30000000), randomblob(30000000)")

    assert fault_of(endless)["code"] == "deadline"
    assert fault_of(bomb)["code"] == "result_too_large"
    assert client.execute(shop, "select 1 as n")["rows"] == [{"n": 1}]


def test_eight_writers_all_get_their_turn(system: System, files: Files) -> None:
    with McpClient.http(system) as client, ThreadPoolExecutor(8) as threads:
        shop, before = client.connect("shop"), files.count()

        answers = list(
            threads.map(
                lambda _: client.execute(shop, "insert into t (word) values ('w')"), range(64)
            )
        )

    assert [answer.get("affected_rows") for answer in answers] == [1] * 64
    assert files.count() == before + 64


def test_another_gateways_principal_gets_nothing_for_the_id(system: System) -> None:
    with McpClient.http(system) as alice, open_client(system, "stdio-auto") as bob:
        shop = alice.connect("shop")

        answer = bob.execute(shop, "select * from t")

        assert fault_of(answer)["code"] == "invalid_connection"


def test_a_system_without_files_has_no_file_executor(databases: Databases, system: System) -> None:
    assert len(system.processes("file-executor")) == 2
    with System(
        configuration={"connections": databases.connections}, credentials=databases.environment
    ) as plain:
        assert plain.processes("file-executor") == []


def test_a_system_of_files_alone_needs_no_credentials(tmp_path: Path) -> None:
    with Files(tmp_path).system() as system, McpClient.http(system) as client:
        assert client.execute(client.connect("shop"), "select n from t")["rows"] == [{"n": 1}]
