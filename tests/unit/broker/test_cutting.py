"""What is secret leaves the raw bytes of a call, however it is written, and nothing else does."""

import json
import secrets
import string
from typing import Final, TypeAlias

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.cutting import OTHER_TOOLS, TOOL, cut_password, is_suspect
from broker.tools import TOOLS
from tests.unit.broker.raw_call import a_call, taken_from
from wire.destination import PASSWORD_MAX_BYTES

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"

ODD: Final = [
    "x",
    " leading and trailing ",
    ":@/%'\"\\",
    '"}],{[',
    "pässwörd-密码-🔑",
    "\t\n\x01\x7f",
    "p" * PASSWORD_MAX_BYTES,
]
PIECE: Final = 4

# Of letters that are in no password, so that what is left of one cannot be theirs.
_others: Final = st.text(alphabet='abc \\"é{}[],:', max_size=8)
_json: Final[st.SearchStrategy[Json]] = st.recursive(
    st.none() | st.booleans() | st.integers(0, 999) | _others,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_others, inner, max_size=3),
    max_leaves=8,
)
_passwords: Final = st.text(
    alphabet=string.digits + "XYZ\"\\/:@%'\u00e4\u20ac\U0001f511\t", min_size=1, max_size=40
)


def spelled(text: str, draw: st.DataObject) -> str:
    """Return *text* as a JSON string, with any of its characters escaped in any way."""
    return '"' + "".join(_one(character, draw) for character in text) + '"'


def _one(character: str, draw: st.DataObject) -> str:
    ways = [json.dumps(character)[1:-1], json.dumps(character, ensure_ascii=False)[1:-1]]
    units = character.encode("utf-16-be")
    codes = [units[at : at + 2].hex() for at in range(0, len(units), 2)]
    ways.append("".join(rf"\u{code}" for code in codes))
    ways.append("".join(rf"\u{code.upper()}" for code in codes))
    return draw.draw(st.sampled_from(ways))


def pieces(password: str) -> set[bytes]:
    content = password.encode()
    return {content[at : at + PIECE] for at in range(len(content) - PIECE + 1)}


@pytest.mark.parametrize("password", ODD)
@pytest.mark.parametrize("ascii_only", [True, False])
def test_a_password_is_returned_and_the_rest_stays(password: str, *, ascii_only: bool) -> None:
    fields = {"storage_type": "postgresql", "host": "db", "password": password, "port": 5432}
    raw = a_call(json.dumps(fields, ensure_ascii=ascii_only))
    size_bytes = len(raw)

    assert is_suspect(raw)
    assert taken_from(raw) == password.encode()

    assert len(raw) == size_bytes
    assert json.loads(raw)["params"]["arguments"] == {**fields, "password": ""}


@given(st.data())
def test_however_a_call_is_written_nothing_of_its_password_is_left(data: st.DataObject) -> None:
    password = data.draw(_passwords)
    gap = data.draw(st.sampled_from(["", " ", "\n\t "]))
    members = [(spelled("password", data), spelled(password, data))]
    members += [(spelled("host", data), spelled("db", data))]
    members += [
        (json.dumps(name), json.dumps(value))
        for name, value in data.draw(st.dictionaries(_others, _json, max_size=3)).items()
    ]
    order = data.draw(st.permutations(members))
    arguments = "{" + ",".join(f"{n}{gap}:{gap}{v}{gap}" for n, v in order) + "}"
    around = data.draw(_others)
    raw = a_call(
        arguments,
        name=spelled(TOOL, data),
        around=f"{json.dumps(around)}:{json.dumps(data.draw(_json))},",
    )

    assert is_suspect(raw)
    assert taken_from(raw) == password.encode()

    kept = json.loads(raw)["params"]["arguments"]
    assert (kept["password"], kept["host"]) == ("", "db")
    assert not any(piece in raw for piece in pieces(password))


@pytest.mark.parametrize(
    "arguments",
    [
        '{"password":"SECRET1","password":"SECRET2"}',
        '{"password":["SECRET1",{"a":"SECRET2"}]}',
        '{"password":{"SECRET1":{"SECRET2":["SECRET3"]}}}',
        '{"password":12345678,"host":"db"}',
        '{"Password":"SECRET1","pass":"SECRET2","passwd":{"x":"SECRET3"}}',
        '{"host":{"password":"SECRET1"}}',
        '{"SECRET1":1}',
        '["SECRET1",{"password":"SECRET2"}]',
        '"SECRET1"',
        "12345678",
        '{"password":"SECRET1"},"password":"SECRET2","task":{"password":"SECRET3"}',
        '{"a":1},"arguments":{"password":"SECRET1"}',
        '{"a":1},"_meta":{"password":"SECRET1","x":{"p\\u0061ssword":["SECRET2"]}}',
    ],
)
def test_what_is_in_a_wrong_place_or_of_a_wrong_kind_is_cut_too(arguments: str) -> None:
    raw = a_call(arguments)

    cut_password(raw)

    assert b"SECRET" not in raw
    assert b"12345678" not in raw
    assert json.loads(raw)["params"]["name"] == TOOL


@pytest.mark.parametrize(
    "message",
    [
        '[{"params":{"name":"connect_storage","arguments":{"password":"SECRET1"}}}]',
        '{"name":"connect_storage","arguments":{"password":"SECRET1"}}',
        '{"params":{"tool":"connect_storage","arguments":{"password":"SECRET1"}}}',
        '{"params":["connect_storage","SECRET1"]}',
        '{"params":{"name":"connect_storage "},"x":"SECRET1"}',
        '{"params":{"name":"Connect_storage","arguments":["SECRET1","connect_storage"]}}',
        '{"params":{"name":"execute_query"},"params":{"name":"connect_storage","a":"SECRET1"}}',
        '{"params":{"connect_storage":{"password":"SECRET1"},"_meta":{}}}',
        '{"params":{"\\u0063onnect_storage":["SECRET1"]}}',
        '{"method":"tools/connect_storage","params":{"password":"SECRET1"}}',
        '{"method":"connect_storage(\'SECRET1\')","params":{}}',
        '{"params":{"name":"connect_storage {SECRET1}"}}',
        '{"params":"{\\"name\\":\\"connect_storage\\",\\"password\\":\\"SECRET1\\"}"}',
        '{"result":{"content":"connect_storage SECRET1"}}',
        '["disconnect_storage","SECRET1"]',
    ],
)
def test_what_could_have_been_meant_as_a_call_is_cut(message: str) -> None:
    raw = bytearray(message.encode())

    assert is_suspect(raw)
    assert taken_from(raw) in (None, b"SECRET1")

    assert b"SECRET" not in raw
    json.loads(raw)


@pytest.mark.parametrize(
    "text",
    [
        '{"params":{"name":"connect_storage","arguments":{"password":"SECRET1',
        '{"params":{"name":"connect_storage","arguments":{"password":"SECRET1"',
        '{"params":{"name":"connect_storage","arguments":{"password":"SEC\\',
        '{"params":{"name":"connect_storage","arguments":{"password":"SECRET\n1"}}}',
        '{"params":{"name":"connect_storage","arguments":{"password":"SECRET1"}}}}',
        '{"params":{"name":"connect_storage"}} "SECRET1',
        '"connect_storage","SECRET1"',
        '"connect_storage" "SECRET1"',
        "connect_storage SECRET1",
        'connect_storage {"password":"SECRET1"}',
        "connect_storage password:SECRET1",
        "{'params':{'name':'connect_storage','arguments':{'password':'SECRET1'}}}",
        '{"name":"connect_storage","password":SECRET1}',
        '{"name":"connect_storage","password":trueSECRET1}',
        '{"name":"connect_storage"}{"password":"SECRET1"}',
        '{"name":"connect_storage"} 12345678',
        "[" * 100 + '"connect_storage","SECRET1"',
        "[" + "0," * 200_000 + '"connect_storage","SECRET1"]',
    ],
)
def test_of_what_is_not_json_or_too_much_of_it_nothing_is_left(text: str) -> None:
    raw = bytearray(text.encode())

    assert is_suspect(raw)
    assert cut_password(raw) is None

    assert raw == bytes(len(text.encode()))


@pytest.mark.parametrize(
    "value",
    [
        '""',
        "null",
        "1",
        '"a\\u0000b"',
        '"\\ud83d"',
        '"\\ud83dx"',
        '"\\udd11"',
        '"\\x41"',
        '"\\u12"',
        f'"{"x" * (PASSWORD_MAX_BYTES + 1)}"',
        f'"{"é" * (PASSWORD_MAX_BYTES // 2 + 1)}"',
        f'"{chr(92)}u0041{"x" * (6 * PASSWORD_MAX_BYTES)}"',
    ],
)
def test_what_no_server_would_take_is_cut_and_is_no_password(value: str) -> None:
    raw = a_call(f'{{"password":{value}}}')

    assert cut_password(raw) is None

    assert json.loads(raw)["params"]["arguments"]["password"] in ("", 0)


@pytest.mark.parametrize("content", [b"\xff", b"\xc0\x80", b"\xed\xa0\x80", b"\xf4\x90\x80\x80"])
def test_what_is_not_utf_8_is_no_password(content: bytes) -> None:
    raw = bytearray(b'{"params":{"name":"connect_storage","arguments":{"password":"?"}}}')
    raw = raw.replace(b"?", content)

    assert cut_password(raw) is None
    assert content not in raw


@given(_json, st.sampled_from(OTHER_TOOLS))
def test_a_call_of_another_tool_stays_as_it_is(value: Json, tool: str) -> None:
    arguments = {"query": "-- connect_storage", "params": {"password": TOOL, "x": value}}
    raw = a_call(json.dumps(arguments), name=json.dumps(tool))
    before = bytes(raw)

    assert cut_password(raw) is None
    assert raw == before


def test_only_what_could_name_the_tool_is_looked_at() -> None:
    assert not is_suspect(bytearray(rb'{"params":{"name":"execute_query","a":"\u00e9\u0061"}}'))
    assert is_suspect(bytearray(rb'{"params":{"name":"\u0063onnect\u005Fstorag\u0065"}}'))


def test_every_other_tool_is_known_as_one() -> None:
    assert {*OTHER_TOOLS, TOOL} == set(TOOLS)


@pytest.mark.parametrize("size_bytes", [1, 15, 16, 17, 63])
def test_a_random_password_of_any_length_is_taken_whole(size_bytes: int) -> None:
    password = "".join(secrets.choice(string.printable) for _ in range(size_bytes))

    assert taken_from(a_call(json.dumps({"password": password}))) == password.encode()
