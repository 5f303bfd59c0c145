"""Why a login did not happen, in words of our own.

What a server says about a login never leaves it: an error's text is a sentence from our code and,
at most, a SQLSTATE that has the shape of one and MySQL's number for the error.
"""

import re
from enum import Enum
from typing import Final

NO_TLS_OFFERED: Final = (
    "The server does not offer TLS here, and this connection is never made without: set it up "
    'there; a configured connection may say "sslmode": "disable" instead.'
)
"""What is said of a server of either engine."""

_SQLSTATE: Final = re.compile(r"[0-9A-Z]{5}", re.ASCII)


class Stage(Enum):
    """How far a login had come; a closed list."""

    TARGET = "target"
    """The server is none that a client may name; nothing was sent there."""
    CONNECT = "connect"
    """No byte was exchanged yet."""
    ENCRYPT = "encrypt"
    """The connection is to be encrypted; the server is not who it should be, or not able to."""
    NEGOTIATE = "negotiate"
    """The server says how it wants us to log in; nothing derived from the password was sent."""
    AUTHENTICATE = "authenticate"
    """We prove that we know the password."""
    VERIFY_SERVER = "verify_server"
    """The server proves that it knows the password's verifier."""
    START_SESSION = "start_session"
    """The login is done; the server sets the session up."""
    HAND_OVER = "hand_over"
    """The session is there, and is given to an executor."""
    END_SESSION = "end_session"
    """Another session is to be ended, or what it runs to be canceled."""


class LoginRefusedError(Exception):
    """A login failed, by the server's word or by our rules."""

    def __init__(
        self, stage: Stage, sentence: str, sqlstate: str | None = None, *, errno: int | None = None
    ) -> None:
        self.stage: Final = stage
        self.sentence: Final = sentence
        # Anything else in its place is the server's text, and stays here.
        self.sqlstate: Final = sqlstate if sqlstate and _SQLSTATE.fullmatch(sqlstate) else None
        self.errno: Final = errno
        codes = [f"SQLSTATE {self.sqlstate}"] if self.sqlstate else []
        codes += [] if errno is None else [f"error {errno}"]
        super().__init__(f"{sentence} ({', '.join(codes)})" if codes else sentence)


def other_engines_login() -> LoginRefusedError:
    """Return the refusal of a minimum that the server's kind does not know."""
    return LoginRefusedError(Stage.NEGOTIATE, '"auth" is a login of another engine.')


def malformed(stage: Stage) -> LoginRefusedError:
    """Return the refusal of what cannot be read."""
    return LoginRefusedError(stage, "The server sent a malformed message.")
