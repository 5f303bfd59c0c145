import asyncio
import json
import random
import string
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broker.catalogue import tools
from broker.sealing import NO_PASSWORD, Sealed
from broker.tools import TOOLS, Tools
from tests.unit.broker.serving import part
from wire.logs import Log
from wire.messages import (
    Connect,
    ConnectDynamic,
    ConnectionStatus,
    Disconnect,
    Execute,
    ListConnections,
    Request,
)
from wire.names import PARAMETERS_MAX, STATEMENT_MAX_BYTES, Principal, RequestId
from wire.results import success

ALICE = Principal("token:alice")
ID = "-_" + "a9" * 20 + "Z"


class Recorder:
    """A router that remembers what it was asked."""

    def __init__(self, *, broken: bool = False) -> None:
        self.asked: list[tuple[Request, bytes]] = []
        self._broken = broken

    def new_request_id(self) -> RequestId:
        return RequestId("1")

    async def ask(self, message: Request, payload: bytes = b"", *, deadline_s: float) -> bytes:
        assert deadline_s == 30.0
        if self._broken:
            raise ZeroDivisionError(payload)
        self.asked.append((message, payload))
        return success({})


def call(
    router: Recorder, name: str, arguments: bytes, password: Sealed = NO_PASSWORD
) -> dict[str, object]:
    tools = Tools(router, statement_ms=30_000, log=Log("test"))
    calling = tools.call(name, arguments, ALICE, password)
    return dict(json.loads(asyncio.run(calling))["structuredContent"])


def test_the_table_and_the_catalogue_name_the_same_tools() -> None:
    assert [tool.name for tool in tools()] == list(TOOLS)


def test_each_tool_asks_the_router_for_its_caller() -> None:
    router = Recorder()

    call(router, "list_connections", b"{}")
    call(router, "connect_named_storage", b'{"connection_name":"main"}')
    call(router, "execute_query", b'{"connection_id":"%s","query":"select 1"}' % ID.encode())
    call(router, "connection_status", b'{"connection_id":"%s"}' % ID.encode())
    call(router, "disconnect_storage", b'{"connection_id":"%s"}' % ID.encode())

    messages = [message for message, _ in router.asked]
    assert [type(message) for message in messages] == [
        ListConnections,
        Connect,
        Execute,
        ConnectionStatus,
        Disconnect,
    ]
    assert {message.principal for message in messages} == {ALICE}


WRONG = [
    pytest.param("execute_query", {}, "connection_id is missing", id="nothing"),
    pytest.param("execute_query", {"connection_id": ID}, "query is missing", id="no query"),
    pytest.param(
        "execute_query",
        {"connection_id": 7, "query": "x"},
        "connection_id must be",
        id="id of another type",
    ),
    pytest.param(
        "execute_query", {"connection_id": ID, "query": None}, "query must be", id="null query"
    ),
    pytest.param(
        "execute_query", {"connection_id": ID, "query": ""}, "query must be", id="empty query"
    ),
    pytest.param(
        "execute_query",
        {"connection_id": ID, "query": "ü" * (STATEMENT_MAX_BYTES - 9)},
        "query must be",
        id="long in bytes only",
    ),
    pytest.param(
        "execute_query",
        {"connection_id": ID, "query": "x", "params": [1]},
        "params must be",
        id="params in a list",
    ),
    pytest.param(
        "execute_query",
        {
            "connection_id": ID,
            "query": "x",
            "params": {str(n): n for n in range(PARAMETERS_MAX + 1)},
        },
        "params must be",
        id="too many params",
    ),
    pytest.param(
        "execute_query",
        {"connection_id": ID, "query": "x", "sql": "y"},
        "takes connection_id, query, params",
        id="one too many",
    ),
    pytest.param(
        "connect_named_storage",
        {"connection_name": "n" * 129},
        "connection_name must be",
        id="long name",
    ),
    pytest.param("list_connections", {"all": True}, "takes no arguments", id="for a list"),
    pytest.param("connection_status", {}, "connection_id is missing", id="status of nothing"),
]


@pytest.mark.parametrize(("name", "arguments", "sentence"), WRONG)
def test_a_wrong_argument_is_named_and_no_router_hears_of_it(
    name: str, arguments: dict[str, object], sentence: str
) -> None:
    router = Recorder()

    result = call(router, name, json.dumps(arguments).encode())

    assert result["fault"] == {"code": "invalid_arguments"}
    assert sentence in str(result["error"])
    assert router.asked == []


@pytest.mark.parametrize(
    "arguments", [b"", b"[]", b"nope", b'{"query":"\xff"}', b'{"a":' + b"[" * 99_999]
)
def test_arguments_that_are_not_an_object_are_refused(arguments: bytes) -> None:
    assert call(Recorder(), "execute_query", arguments)["success"] is False


@given(st.dictionaries(st.text(min_size=8), st.text(min_size=8), min_size=1))
@settings(max_examples=50, deadline=None)
def test_no_refusal_quotes_a_name_or_a_value(canaries: dict[str, str]) -> None:
    result = call(Recorder(), "execute_query", json.dumps({"query": 1, **canaries}).encode())

    text = json.dumps(result, ensure_ascii=False)
    words = {word for pair in canaries.items() for word in pair}
    # A word that the sentences have anyway is no quotation.
    own = "".join(
        json.dumps(call(Recorder(), "execute_query", json.dumps({"query": 1, **plain}).encode()))
        for plain in ({}, {"connection_id": 1}, {"connection_id": ID})
    )
    assert not [word for word in words if word in text and word not in own]


@pytest.mark.parametrize("connection_id", ["", "x", ID + "a", ID[:-1], ID[:-1] + "\n", "ü" * 43])
def test_a_malformed_connection_id_gets_the_answer_of_an_unknown_one(connection_id: str) -> None:
    router = Recorder()
    arguments = json.dumps({"connection_id": connection_id, "query": "select 1"}).encode()

    only_the_id = json.dumps({"connection_id": connection_id}).encode()
    results = [
        call(router, "execute_query", arguments),
        call(router, "connection_status", only_the_id),
        call(router, "disconnect_storage", only_the_id),
    ]

    assert {result["error"] for result in results} == {"Invalid connection ID"}
    assert router.asked == []


STORAGE: Final[dict[str, object]] = {
    "storage_type": "postgresql",
    "host": "db.example",
    "database": "main",
    "username": "jürgen",
    "password": "",
}


def test_connect_storage_asks_for_its_destination_with_the_sealed_password() -> None:
    router = Recorder()

    result = call(router, "connect_storage", json.dumps(STORAGE).encode(), b"sealed")

    assert result == {"success": True}
    ((message, payload),) = router.asked
    assert isinstance(message, ConnectDynamic)
    assert (message.sealed, message.destination.port, payload) == (b"sealed", 5432, b"")


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"storage_type": "sqlite"}, "configured by name"),
        ({"storage_type": "oracle"}, "storage_type must be"),
        ({"storage_type": "mariadb"}, "mysql, which is for MariaDB too"),
        ({"storage_type": "postgres"}, "storage_type must be postgresql or mysql"),
        ({"host": ""}, "host must be"),
        ({"host": "h" * 254}, "host must be"),
        ({"port": 0}, "port must be"),
        ({"port": 65536}, "port must be"),
        ({"database": "a\0b"}, "database must be"),
        ({"username": "ü" * 65}, "username must be"),
        ({"username": ""}, "put the password into password"),
        ({"database": ""}, "put the password into password"),
        ({"host": ""}, "put the password into password"),
        ({"password": 0}, "password must be"),
        ({"unheard_of": 1}, "an argument too many"),
    ],
)
def test_a_wrong_argument_of_connect_storage_is_named(change: dict[str, object], word: str) -> None:
    router = Recorder()

    result = call(router, "connect_storage", json.dumps({**STORAGE, **change}).encode(), b"sealed")

    assert part(result, "fault", "code") == "invalid_arguments"
    assert word in str(result["error"])
    assert router.asked == []


def test_without_a_password_that_could_be_one_connect_storage_says_what_it_must_be() -> None:
    router = Recorder()

    result = call(router, "connect_storage", json.dumps(STORAGE).encode())

    assert result["error"] == "password must be a string of 1 to 1024 bytes without a NUL"
    assert router.asked == []


def test_connect_storage_repeats_nothing_that_it_is_given() -> None:
    password = "".join(random.choices(string.ascii_letters, k=6)) + ":@/%' \"\\ü"  # noqa: S311 - nobody's
    for arguments in ({"password": password}, {**STORAGE, "host": password, "port": password}):
        result = call(Recorder(), "connect_storage", json.dumps(arguments).encode())

        assert result["success"] is False
        assert password not in json.dumps(result, ensure_ascii=False)


def test_a_bug_of_ours_is_an_internal_fault_without_its_text(
    capfd: pytest.CaptureFixture[str],
) -> None:
    result = call(
        Recorder(broken=True),
        "execute_query",
        b'{"connection_id":"%s","query":"canary"}' % ID.encode(),
    )

    assert result["fault"] == {"code": "internal"}
    logged = capfd.readouterr().err
    assert '"event":"tool_call_failed"' in logged
    assert '"place":"test_tools.py:' in logged
    assert "canary" not in json.dumps(result) + logged
