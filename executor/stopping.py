"""When a server is no longer waited for: what it may take, and what is left when it has gone.

The limits are those of every driver on a lent connection.
"""

from typing import Final

INTERRUPT_S: Final = 1.5
"""How long a server may take to obey a cancel before its socket is closed; with it an engine is
given up within the two seconds that the vault allows."""

WIRE_FACTOR: Final = 4
"""How many bytes a row has on the wire for each of its JSON, at most: before its values come four
in MySQL's protocol, and seven in PostgreSQL's."""

STOPPING_MAX_BYTES: Final = 256 << 20
"""What may still come after that from a server that is to cancel: it cannot stop within a row."""

LITTLE_MAX_BYTES: Final = 256 << 10
"""What a server may say while no statement runs: a set-up or a reset takes less than a page."""

NET_MS: Final = 2_000
"""The server's own time limit lies so much above ours: it matters only when we are gone."""


class LostError(Exception):
    """Nothing more is to be expected of the connection, or nothing that can be understood."""
