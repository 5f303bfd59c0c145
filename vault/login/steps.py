"""What a login machine may ask of whoever carries its bytes: send these, receive that many.

A machine is a generator that yields steps and touches no socket. `Send` is answered with b"".
`Receive` is answered with exactly that many bytes, never more, so that nothing of what follows the
login is left in a buffer; fewer bytes mean that the server closed the connection.
"""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Send:
    """Send all of these bytes; they may prove the password, so they show in no repr.

    A machine that sends a bytearray overwrites it afterwards: whoever carries it keeps no copy.
    """

    data: bytes | bytearray = field(repr=False)


@dataclass(frozen=True, slots=True)
class Receive:
    """Receive exactly this many bytes, at least one."""

    exactly_bytes: int
