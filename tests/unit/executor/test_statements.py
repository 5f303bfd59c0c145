import json

import pytest

from executor.dialects import POSTGRESQL
from executor.statements import Statement
from executor.statements import read_statement as read
from wire.faults import FaultCode, RefusedError

MAX_BYTES = 1000


def read_statement(payload: bytes, *, max_bytes: int, read_only: bool = False) -> Statement:
    return read(payload, max_bytes=max_bytes, dialect=POSTGRESQL, read_only=read_only)


def test_a_payload_becomes_a_statement_with_its_values() -> None:
    payload = b'{"connection_id":"x","query":"select :a::numeric","params":{"a":0.10}}'

    statement = read_statement(payload, max_bytes=MAX_BYTES)

    assert statement.bound.sql == "select $1::numeric"
    assert statement.values == [b"0.10"]


@pytest.mark.parametrize("params", ["null", "{}"])
def test_params_may_be_absent(params: str) -> None:
    statement = read_statement(b'{"query":"select 1","params":%b}' % params.encode(), max_bytes=100)

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
        read_statement(payload, max_bytes=MAX_BYTES)

    assert caught.value.fault.code is code


def test_the_length_of_a_statement_is_counted_in_bytes() -> None:
    fits = json.dumps({"query": f"select '{'é' * 495}'"}).encode()
    too_long = json.dumps({"query": f"select '{'é' * 496}'"}).encode()

    read_statement(fits, max_bytes=999)
    with pytest.raises(RefusedError, match="longer than 999 bytes"):
        read_statement(too_long, max_bytes=999)


def test_a_write_is_read_for_a_read_write_lease_and_refused_for_a_read_only_one() -> None:
    payload = b'{"query":"delete from t"}'

    statement = read_statement(payload, max_bytes=MAX_BYTES)
    with pytest.raises(RefusedError) as caught:
        read_statement(payload, max_bytes=MAX_BYTES, read_only=True)

    assert statement.bound.sql == "delete from t"
    assert caught.value.fault.code is FaultCode.READ_ONLY
