"""PostgreSQL's messages as bytes: pack ours, read the server's one at a time, within limits.

A message is a kind (one byte), a length (four bytes, counting itself) and a body. Kind and length
are judged before a byte of the body is read.
"""

import re
from collections.abc import Generator
from typing import Final

from vault.login.refusals import LoginRefusedError, Stage
from vault.login.steps import Step, receive_exactly

HEADER_BYTES: Final = 5

AUTHENTICATION: Final = b"R"
BACKEND_KEY_DATA: Final = b"K"
COMMAND_COMPLETE: Final = b"C"
DATA_ROW: Final = b"D"
ERROR_RESPONSE: Final = b"E"
NOTICE_RESPONSE: Final = b"N"
PARAMETER_STATUS: Final = b"S"
READY_FOR_QUERY: Final = b"Z"
ROW_DESCRIPTION: Final = b"T"

LIMITS_BYTES: Final = {
    AUTHENTICATION: 2_000,  # libpq's limit
    BACKEND_KEY_DATA: 8,  # a process id and, in protocol 3.0, a key of four bytes
    COMMAND_COMPLETE: 64,  # "SELECT 1"
    DATA_ROW: 64,  # one boolean
    ERROR_RESPONSE: 30_000,  # libpq's limit for an error during start-up
    NOTICE_RESPONSE: 30_000,  # the same fields as an error
    PARAMETER_STATUS: 30_000,  # a search_path may be long
    READY_FOR_QUERY: 1,
    ROW_DESCRIPTION: 256,  # one column; names are at most 63 bytes
}
"""The longest body of each message that we read."""

OTHER_PROTOCOL: Final = "The server does not speak PostgreSQL's protocol."

# Those that a server may answer a start-up message with; `v` would be NegotiateProtocolVersion.
_FIRST: Final = AUTHENTICATION + ERROR_RESPONSE + NOTICE_RESPONSE + b"v"

_SENTENCES: Final = {
    "28000": (
        "The server refused this user or where it comes from: its pg_hba.conf may have no line for "
        'that, or want TLS ("sslmode") or a client certificate ("sslcert").'
    ),
    "28P01": (
        "The server refused the user name or the password; check both. If it stores the password "
        "as MD5 only, set it again there."
    ),
    "3D000": "The server has no such database.",
    "42501": "The server does not allow this user to do that.",
    "53300": "The server has no room for another connection.",
    "55000": "The server does not take connections to this database.",
    "57P03": "The server does not take connections at the moment.",
}
_SQLSTATE_FIELD: Final = re.compile(rb"(?:\A|\0)C([0-9A-Z]{5})\0")


def pack(kind: bytes, body: bytes = b"") -> bytes:
    """Return one message of ours."""
    return kind + (len(body) + 4).to_bytes(4, "big") + body


def read(stage: Stage, expected: bytes) -> Generator[Step, bytes, tuple[bytes, bytes]]:
    """Receive one message of the *expected* kinds and return its kind and body.

    An ErrorResponse may come at any time, and is raised as a refusal at *stage*.
    """
    header = yield from receive_exactly(stage, HEADER_BYTES)
    kind, body_bytes = header[:1], int.from_bytes(header[1:], "big") - 4
    if kind != ERROR_RESPONSE and kind not in expected:
        raise _misplaced(stage, kind)
    if not 0 <= body_bytes <= LIMITS_BYTES[kind]:
        raise LoginRefusedError(stage, "The server sent a message of an impossible length.")
    body = (yield from receive_exactly(stage, body_bytes)) if body_bytes else b""
    if kind == ERROR_RESPONSE:
        raise _refusal(stage, body)
    return kind, body


def _misplaced(stage: Stage, kind: bytes) -> LoginRefusedError:
    if stage is Stage.NEGOTIATE and kind not in _FIRST:
        return LoginRefusedError(stage, OTHER_PROTOCOL)
    return LoginRefusedError(stage, "The server sent a message that has no place here.")


def _refusal(stage: Stage, body: bytes) -> LoginRefusedError:
    # Of all that the server says here, only this one field is safe to pass on.
    found = _SQLSTATE_FIELD.search(body)
    sqlstate = found[1].decode() if found else None
    otherwise = f"The server refused the {'command' if stage is Stage.END_SESSION else 'login'}."
    return LoginRefusedError(stage, _SENTENCES.get(sqlstate or "", otherwise), sqlstate)
