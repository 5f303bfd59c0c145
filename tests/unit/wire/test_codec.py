"""What its sender may say decodes to what was said; nothing else decodes."""

import msgspec
import pytest
from hypothesis import assume, given
from hypothesis.strategies import binary, sampled_from

from tests.unit.wire.examples import EXAMPLES, MESSAGES, decode, decoders
from wire.codec import MESSAGE_MAX_BYTES, MalformedMessageError, encode

SAID = [(decoder, message) for decoder, its in EXAMPLES.items() for message in its]
by_decoder = pytest.mark.parametrize("decoder", sorted(EXAMPLES))

HOSTILE = {
    "empty": b"",
    "nil": b"\xc0",
    "a number": b"\x01",
    "never used": b"\xc1",
    "an empty array": b"\x90",
    "an array that says it is huge": b"\xdd\xff\xff\xff\xff",
    "a map that says it is huge": b"\xdf\xff\xff\xff\xff",
    "bytes that say they are huge": b"\xc6\xff\xff\xff\xff",
    "text that says it is huge": b"\xdb\xff\xff\xff\xff",
    "arrays in arrays": b"\x91" * 500_000,
    "maps in maps": b"\x81\xa1a" * 300_000,
    "a key that is not text": b"\x81\x01\x02",
    "a key that is not UTF-8": b"\x81\xa2\xff\xfe\x01",
    "a tag that is not text": b"\x81\xa4type\x01",
    "a tag that is not UTF-8": b"\x81\xa4type\xa2\xff\xfe",
    "an unknown tag": b"\x81\xa4type\xa7unknown",
    "a tag and nothing more": b"\x81\xa4type\xa4used",
    "text in a list that is not UTF-8": b"\x82\xa4type\xa4used\xaeconnection_ids\x91\xa2\xff\xfe",
    "a list that says it is huge": b"\x82\xa4type\xa4used\xaeconnection_ids\xdd\xff\xff\xff\xff",
    "raw settings that are too deep": b"\x83\xa4type\xa9configure\xa8settings" + b"\x91" * 500_000,
    "an extension": b"\xd4\x05\x01",
    "a timestamp out of range": b"\xc7\x0c\xff" + b"\xff" * 12,
    "too large": bytes(MESSAGE_MAX_BYTES + 1),
}


def test_there_is_an_example_for_every_decoder() -> None:
    # HELLO only looks whether a peer greets; FROM_GATEWAY and others decode the same message.
    assert set(EXAMPLES) == decoders() - {"HELLO"}


@by_decoder
def test_a_message_arrives_as_it_was_said(decoder: str) -> None:
    for message in EXAMPLES[decoder]:
        found = decode(decoder, encode(message))

        assert isinstance(found, type(message))
        assert encode(found) == encode(message)


@by_decoder
def test_what_another_may_say_does_not_decode(decoder: str) -> None:
    own = {type(message) for message in EXAMPLES[decoder]}
    for message in MESSAGES.values():
        if type(message) not in own:
            with pytest.raises(MalformedMessageError):
                decode(decoder, encode(message))


@by_decoder
def test_a_field_that_is_not_known_is_refused(decoder: str) -> None:
    for message in EXAMPLES[decoder]:
        fields = msgspec.msgpack.decode(encode(message), type=dict[str, msgspec.Raw])
        extended = msgspec.msgpack.encode({**fields, "more": 1})

        with pytest.raises(MalformedMessageError):
            decode(decoder, extended)


@by_decoder
def test_a_message_cut_anywhere_or_followed_by_more_is_refused(decoder: str) -> None:
    for message in EXAMPLES[decoder]:
        frame = encode(message)
        for length in range(len(frame)):
            with pytest.raises(MalformedMessageError):
                decode(decoder, frame[:length])
        with pytest.raises(MalformedMessageError):
            decode(decoder, frame + b"\xc0")


@pytest.mark.parametrize("frame", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_frame_is_malformed_and_nothing_worse(frame: bytes) -> None:
    for decoder in decoders():
        with pytest.raises(MalformedMessageError):
            decode(decoder, frame)


def test_a_map_without_a_tag_is_a_message_only_where_there_is_no_choice() -> None:
    only_one = {decoder for decoder, its in EXAMPLES.items() if len(its) == 1}
    for decoder in set(EXAMPLES) - only_one:
        with pytest.raises(MalformedMessageError):
            decode(decoder, b"\x80")


@given(binary(max_size=200), sampled_from(sorted(EXAMPLES)))
def test_noise_is_malformed_and_nothing_worse(noise: bytes, decoder: str) -> None:
    assume(noise != b"\x80")

    with pytest.raises(MalformedMessageError):
        decode(decoder, noise)


@given(sampled_from(SAID), binary(min_size=1, max_size=4), sampled_from(range(500)))
def test_a_damaged_message_is_malformed_or_one_that_its_sender_may_say(
    said: tuple[str, msgspec.Struct], damage: bytes, place: int
) -> None:
    decoder, message = said
    frame = bytearray(encode(message))
    start = place % len(frame)
    frame[start : start + len(damage)] = damage

    try:
        found = decode(decoder, bytes(frame))
    except MalformedMessageError:
        return

    assert type(found) in {type(one) for one in EXAMPLES[decoder]}


@pytest.mark.parametrize(
    ("name", "field", "value"),
    [
        ("Connect", "deadline_ms", -1),
        ("Connect", "deadline_ms", 3_600_001),
        ("Connect", "deadline_ms", "30000"),
        ("Hello", "slots", 0),
        ("Hello", "slots", 1025),
        ("PeerLeft", "role", "administrator"),
        ("StdioEnded", "status", 256),
        ("Refused", "fault", {"code": "unheard_of"}),
    ],
)
def test_a_value_beyond_its_limits_is_refused(name: str, field: str, value: object) -> None:
    fields = msgspec.msgpack.decode(encode(MESSAGES[name]), type=dict[str, msgspec.Raw])
    changed = msgspec.msgpack.encode({**fields, field: value})
    decoder = next(one for one, its in EXAMPLES.items() if MESSAGES[name] in its)

    with pytest.raises(MalformedMessageError):
        decode(decoder, changed)


def test_what_is_refused_is_not_quoted() -> None:
    with pytest.raises(MalformedMessageError) as refused:
        decode("FROM_EXECUTOR", encode(MESSAGES["OpenSession"]) + b"secret")

    assert str(refused.value) == f"{len(encode(MESSAGES['OpenSession'])) + 6} bytes"
    assert refused.value.__cause__ is None
    assert refused.value.__suppress_context__
