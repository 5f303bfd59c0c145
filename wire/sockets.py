"""The only place that makes a ZeroMQ socket: keys, limits, linger.

Every socket is CURVE (RFC 26): a stranger without a key on the roster completes no handshake. The
calls on the hot path use the sockets of `zmq.backend`, whose send and receive cost a quarter of
the wrapped ones.
"""

from typing import Final, NamedTuple, TypeAlias

import zmq
from zmq.backend import Socket

RawSocket: TypeAlias = Socket
Context: TypeAlias = zmq.Context[zmq.Socket[bytes]]

# As plain numbers: every use of an enum's flags costs as much as a call into the library.
NOW: Final = int(zmq.NOBLOCK)
NOW_AND_MORE: Final = int(zmq.NOBLOCK | zmq.SNDMORE)
MORE: Final = int(zmq.RCVMORE)

QUEUE_MESSAGES: Final = 4096
"""Messages that may wait in one socket; beyond that a sender is told no."""

FRAME_MAX_BYTES: Final = 80 << 20
"""Above three times the largest result: as text inside the CallToolResult it may be doubled."""

HANDSHAKE_TIMEOUT_MS: Final = 5_000
HEARTBEAT_MS: Final = 1_000
HEARTBEAT_TIMEOUT_MS: Final = 5_000


class KeyPair(NamedTuple):
    """A CURVE key pair, both Z85."""

    public: bytes
    secret: bytes


def new_context() -> Context:
    """Return the process's ZeroMQ context; its one thread does all the ciphering."""
    return zmq.Context(io_threads=1)


def new_key_pair() -> KeyPair:
    """Return a fresh CURVE key pair."""
    return KeyPair(*zmq.curve_keypair())


def listening_socket(
    context: Context,
    endpoint: str,
    *,
    keys: KeyPair,
    domain: str,
    frame_max_bytes: int = FRAME_MAX_BYTES,
) -> RawSocket:
    """Return a ROUTER socket bound to *endpoint* that asks ZAP *domain* about every peer.

    A peer that sends a larger frame than that is cut off before the frame is read.

    A send to a peer that is gone or does not read raises zmq.ZMQError (EHOSTUNREACH, EAGAIN).
    """
    made = _socket(context, zmq.ROUTER)
    made.set(zmq.CURVE_SERVER, 1)
    made.set(zmq.CURVE_SECRETKEY, keys.secret)
    made.set(zmq.ZAP_DOMAIN, domain.encode())
    # Without this, a router whose authenticator is not up yet would let anybody in.
    made.set(zmq.ZAP_ENFORCE_DOMAIN, 1)
    made.set(zmq.ROUTER_MANDATORY, 1)
    made.set(zmq.MAXMSGSIZE, frame_max_bytes)
    made.bind(endpoint)
    return made


def connected_socket(
    context: Context,
    endpoint: str,
    *,
    keys: KeyPair,
    server_key: bytes,
    identity: str,
) -> RawSocket:
    """Return a DEALER socket on its way to *endpoint*, whose key must be *server_key*."""
    made = _socket(context, zmq.DEALER)
    made.set(zmq.CURVE_SERVERKEY, server_key)
    made.set(zmq.CURVE_PUBLICKEY, keys.public)
    made.set(zmq.CURVE_SECRETKEY, keys.secret)
    made.set(zmq.ROUTING_ID, identity.encode())
    made.connect(endpoint)
    return made


def _socket(context: Context, kind: int) -> RawSocket:
    made = RawSocket(context, kind)
    for option, value in (
        (zmq.LINGER, 0),
        (zmq.SNDHWM, QUEUE_MESSAGES),
        (zmq.RCVHWM, QUEUE_MESSAGES),
        (zmq.MAXMSGSIZE, FRAME_MAX_BYTES),
        (zmq.HANDSHAKE_IVL, HANDSHAKE_TIMEOUT_MS),
        (zmq.HEARTBEAT_IVL, HEARTBEAT_MS),
        (zmq.HEARTBEAT_TIMEOUT, HEARTBEAT_TIMEOUT_MS),
    ):
        made.set(option, value)
    return made


def descriptor_of(made: RawSocket) -> int:
    """Return what to wait on; it tells of changes only, so read until nothing is left."""
    number = made.get(zmq.FD)
    if not isinstance(number, int):
        raise TypeError("ZMQ_FD is a number")
    return number
