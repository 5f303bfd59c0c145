import json

import pytest

from executor.dialects import POSTGRESQL, SQLITE, Dialect
from executor.statements import Statement
from executor.statements import read_statement as read
from wire.faults import FaultCode, RefusedError
from wire.names import STATEMENT_MAX_BYTES


def read_statement(payload: bytes, *, read_only: bool = False) -> Statement:
    return read(payload, dialect=POSTGRESQL, read_only=read_only)


def test_a_payload_becomes_a_statement_with_its_values() -> None:
    payload = b'{"connection_id":"x","query":"select :a::numeric","params":{"a":0.10}}'

    statement = read_statement(payload)

    assert statement.bound.sql == "select $1::numeric"
    assert statement.values == [b"0.10"]


@pytest.mark.parametrize("params", ["null", "{}"])
def test_params_may_be_absent(params: str) -> None:
    statement = read_statement(b'{"query":"select 1","params":%b}' % params.encode())

    assert statement.values == []


@pytest.mark.parametrize(
    ("payload", "code"),
    [
        (b"", FaultCode.INVALID_ARGUMENTS),
        (b"[]", FaultCode.INVALID_ARGUMENTS),
        (b'{"query":1}', FaultCode.INVALID_ARGUMENTS),
        (b'{"query":"\xff"}', FaultCode.INVALID_ARGUMENTS),
        (b'{"query":"select 1","params":[1]}', FaultCode.INVALID_ARGUMENTS),
        (b'{"query":"select 1","params":{"a":1}}', FaultCode.INVALID_ARGUMENTS),
        (b'{"query":"select \\u0000"}', FaultCode.INVALID_ARGUMENTS),
        (b'{"query":"select :a","params":{"a":"\\ud800"}}', FaultCode.INVALID_ARGUMENTS),
        (b'{"query":"commit"}', FaultCode.STATEMENT_REFUSED),
        (b"[" * 100_000, FaultCode.INVALID_ARGUMENTS),
    ],
)
def test_a_payload_that_cannot_be_sent_is_refused(payload: bytes, code: FaultCode) -> None:
    with pytest.raises(RefusedError) as caught:
        read_statement(payload)

    assert caught.value.fault.code is code


@pytest.mark.parametrize(
    ("query", "has_write"),
    [
        ("select 1; select 2", False),
        ("selec 1", False),
        ("delete from t", True),
        ("explain analyze delete from t", True),
    ],
)
@pytest.mark.parametrize("dialect", [POSTGRESQL, SQLITE])
def test_only_what_may_write_is_sent_to_a_connection_that_is_read_write(
    dialect: Dialect, query: str, *, has_write: bool
) -> None:
    if dialect is SQLITE:
        query = query.replace("analyze ", "")

    with pytest.raises(RefusedError) as caught:
        read(json.dumps({"query": query}).encode(), dialect=dialect, read_only=True)

    assert caught.value.fault.code is FaultCode.READ_ONLY
    assert (caught.value.fault.hint is None) is has_write


def test_the_length_of_a_statement_is_counted_in_bytes() -> None:
    most = (STATEMENT_MAX_BYTES - len("select ''")) // len("é".encode())
    fits, too_long = (
        json.dumps({"query": f"select '{'é' * length}'"}).encode() for length in (most, most + 1)
    )

    read_statement(fits)
    with pytest.raises(RefusedError, match=f"longer than {STATEMENT_MAX_BYTES} bytes"):
        read_statement(too_long)


def test_a_write_is_read_for_a_read_write_lease_and_refused_for_a_read_only_one() -> None:
    payload = b'{"query":"delete from t"}'

    statement = read_statement(payload)
    with pytest.raises(RefusedError) as caught:
        read_statement(payload, read_only=True)

    assert statement.bound.sql == "delete from t"
    assert caught.value.fault.code is FaultCode.READ_ONLY
