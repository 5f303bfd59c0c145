"""What a call's other arguments keep, and what a long one costs."""

import json
import tracemalloc

import pytest

from broker.cutting import cut_password
from tests.unit.broker.raw_call import a_call, taken_from


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("host", "postgres://u:SECRET1@db/x"),
        ("host", "SECRET1@db"),
        ("host", "db/?password=SECRET1"),
        ("host", "db:SECRET1"),
        ("host", "SECRET1" * 1000),
        ("username", "u:SECRET1"),
        ("username", "postgres://u:SECRET1@db"),
        ("database", "mysql://u:SECRET1@db/x"),
        ("database", "dbname=x password=SECRET1"),
        ("database", "SECRET1@db"),
        ("storage_type", "postgresql://u:SECRET1@db"),
        ("port", "SECRET1"),
    ],
)
def test_a_password_in_another_argument_is_cut_with_it(name: str, value: str) -> None:
    written = "".join(rf"\u{ord(one):04x}" for one in value)
    for spelling in (value, written):
        raw = a_call(f'{{"{name}":"{spelling}","password":"x"}}')

        assert taken_from(raw) == b"x"

        assert json.loads(raw)["params"]["arguments"] == {name: "", "password": ""}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("host", "db-1.example.org"),
        ("host", "bücher.example"),
        ("host", "192.0.2.1"),
        ("host", "::1"),
        ("host", "2001:db8:0:0:0:0:0:1"),
        ("host", "::ffff:192.0.2.1"),
        ("username", "jürgen"),
        ("username", "app@server"),
        ("database", "sales 2026/q1"),
    ],
)
def test_an_argument_that_tells_nothing_stays(name: str, value: str) -> None:
    written = "".join(rf"\u{ord(one):04x}" for one in value)
    for spelling in (value, written):
        raw = a_call(f'{{"{name}":"{spelling}","password":"x"}}')

        cut_password(raw)

        assert json.loads(raw)["params"]["arguments"] == {name: value, "password": ""}


def test_a_cancellation_that_gives_the_tool_as_its_reason_still_says_what_it_cancels() -> None:
    method = "notifications/cancelled"
    params = {"requestId": "a 1", "reason": "connect_storage took too long"}
    raw = bytearray(json.dumps({"jsonrpc": "2.0", "method": method, "params": params}).encode())

    cut_password(raw)

    left = json.loads(raw)
    assert (left["method"], left["params"]["requestId"]) == (method, "a 1")


@pytest.mark.parametrize("piece", [r"\n", r"\"", r"a\n", r"\u00e9"])
def test_a_long_string_of_escapes_takes_little_memory(piece: str) -> None:
    raw = a_call(json.dumps({"password": "?"}).replace("?", piece * ((1 << 20) // len(piece))))
    tracemalloc.start()
    try:
        assert cut_password(raw) is None
        peak_bytes = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert peak_bytes < 4 << 20
    assert json.loads(raw)["params"]["arguments"] == {"password": ""}
