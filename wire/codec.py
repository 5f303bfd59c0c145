"""Bytes to messages and back, by declaration and direction; a size limit before anything is read.

One decoder for each direction, so a message that its sender may not say does not decode. What is
rejected is not quoted: a bad frame may hold whatever its sender had in memory.
"""

from typing import Final, Generic, TypeVar

import msgspec

from wire.console import FromConsole, ToConsole
from wire.control import FromChild, ToChild
from wire.lending import (
    Accepted,
    FromBorrower,
    Handover,
    LoginJob,
    LoginOutcome,
    Proceed,
    Spare,
    Taken,
    ToBorrower,
)
from wire.messages import (
    FromExecutor,
    FromGateway,
    FromVault,
    Hello,
    ToExecutor,
    ToGateway,
    ToVault,
)

T = TypeVar("T")

MESSAGE_MAX_BYTES: Final = 1 << 20
"""Far above the largest message (grants for many executors); a larger one is a lie or a bug."""

PACKET_MAX_BYTES: Final = 128 << 10
"""What a SOCK_SEQPACKET of the default buffer size takes whole."""

_encoder: Final = msgspec.msgpack.Encoder()


class MalformedMessageError(ValueError):
    """A frame is not a message that its sender may say; all that is told of it is its size."""

    def __init__(self, size_bytes: int) -> None:
        super().__init__(f"{size_bytes} bytes")
        self.size_bytes: Final = size_bytes


class Codec(Generic[T]):
    """Decode what one kind of peer may say."""

    def __init__(self, decoder: msgspec.msgpack.Decoder[T]) -> None:
        self._decoder = decoder

    def decode(self, frame: bytes) -> T:
        """Return the message in *frame*; raise MalformedMessageError for anything else."""
        if len(frame) > MESSAGE_MAX_BYTES:
            raise MalformedMessageError(len(frame))
        try:
            return self._decoder.decode(frame)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise MalformedMessageError(len(frame)) from None


def encode(message: msgspec.Struct) -> bytes:
    """Return *message* as one frame."""
    return _encoder.encode(message)


HELLO: Final[Codec[Hello]] = Codec(msgspec.msgpack.Decoder(Hello))
FROM_GATEWAY: Final[Codec[FromGateway]] = Codec(msgspec.msgpack.Decoder(FromGateway))
TO_GATEWAY: Final[Codec[ToGateway]] = Codec(msgspec.msgpack.Decoder(ToGateway))
FROM_EXECUTOR: Final[Codec[FromExecutor]] = Codec(msgspec.msgpack.Decoder(FromExecutor))
TO_EXECUTOR: Final[Codec[ToExecutor]] = Codec(msgspec.msgpack.Decoder(ToExecutor))
FROM_VAULT: Final[Codec[FromVault]] = Codec(msgspec.msgpack.Decoder(FromVault))
TO_VAULT: Final[Codec[ToVault]] = Codec(msgspec.msgpack.Decoder(ToVault))
FROM_CHILD: Final[Codec[FromChild]] = Codec(msgspec.msgpack.Decoder(FromChild))
TO_CHILD: Final[Codec[ToChild]] = Codec(msgspec.msgpack.Decoder(ToChild))
FROM_BORROWER: Final[Codec[FromBorrower]] = Codec(msgspec.msgpack.Decoder(FromBorrower))
TO_BORROWER: Final[Codec[ToBorrower]] = Codec(msgspec.msgpack.Decoder(ToBorrower))
HANDOVER: Final[Codec[Handover]] = Codec(msgspec.msgpack.Decoder(Handover))
ACCEPTED: Final[Codec[Accepted]] = Codec(msgspec.msgpack.Decoder(Accepted))
LOGIN_JOB: Final[Codec[LoginJob]] = Codec(msgspec.msgpack.Decoder(LoginJob))
LOGIN_OUTCOME: Final[Codec[LoginOutcome]] = Codec(msgspec.msgpack.Decoder(LoginOutcome))
PROCEED: Final[Codec[Proceed]] = Codec(msgspec.msgpack.Decoder(Proceed))
SPARE: Final[Codec[Spare]] = Codec(msgspec.msgpack.Decoder(Spare))
TAKEN: Final[Codec[Taken]] = Codec(msgspec.msgpack.Decoder(Taken))
FROM_CONSOLE: Final[Codec[FromConsole]] = Codec(msgspec.msgpack.Decoder(FromConsole))
TO_CONSOLE: Final[Codec[ToConsole]] = Codec(msgspec.msgpack.Decoder(ToConsole))
