"""Messages keep the bytes that they had when their protocol version began.

A change here is a change that an older peer would misread: then PROTOCOL_VERSION rises, and a new
record takes the old one's place.
"""

from pathlib import Path
from typing import Final

import pytest

import wire
from tests.unit.wire.examples import EXAMPLES, MESSAGES, decode
from wire.codec import encode

RECORD: Final = Path(__file__).with_name(f"wire_v{wire.PROTOCOL_VERSION}.txt")


def recorded() -> dict[str, bytes]:
    """Return the recorded frame of each message, by its name."""
    lines = RECORD.read_text(encoding="ascii").splitlines()
    return {name: bytes.fromhex(frame) for name, frame in (line.split(" ") for line in lines)}


def test_every_message_is_on_record() -> None:
    assert set(recorded()) == set(MESSAGES)


@pytest.mark.parametrize("name", sorted(MESSAGES))
def test_a_message_has_the_bytes_on_record_and_is_read_from_them(name: str) -> None:
    frame = recorded()[name]
    decoders = [one for one, its in EXAMPLES.items() if MESSAGES[name] in its]

    assert encode(MESSAGES[name]) == frame
    assert decoders
    for decoder in decoders:
        assert type(decode(decoder, frame)) is type(MESSAGES[name])
