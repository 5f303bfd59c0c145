"""How a command ends when it cannot do its work: one sentence on standard error, and a status."""

from collections.abc import Mapping
from typing import Final

EXIT_FAILED: Final = 1
EXIT_USAGE: Final = 2  # as argparse says of a wrong command line


class CommandFailedError(Exception):
    """A command cannot do what it was asked to; the text is the sentence for the user."""

    def __init__(self, sentence: str, *, status: int = EXIT_FAILED) -> None:
        super().__init__(sentence)
        self.status = status


class CallFailedError(CommandFailedError):
    """The system answered with a fault."""

    def __init__(self, sentence: str, *, answer: Mapping[str, object]) -> None:
        super().__init__(sentence)
        self.answer = answer


class LoggedError(CallFailedError):
    """A call failed for a reason that only the system's log tells."""


class NotRunningError(CommandFailedError):
    """No system runs on that run directory."""
