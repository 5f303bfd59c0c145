"""What dispatch tells the router's loop to do; values, no behavior."""

from dataclasses import dataclass
from typing import TypeAlias

from wire.messages import ToExecutor, ToGateway, ToVault
from wire.names import Incarnation


@dataclass(frozen=True, slots=True)
class TellGateway:
    """Send this to a gateway."""

    gateway: Incarnation
    message: ToGateway
    payload: bytes = b""


@dataclass(frozen=True, slots=True)
class TellExecutor:
    """Send this to an executor; if it cannot be reached, it is lost."""

    executor: Incarnation
    message: ToExecutor
    payload: bytes = b""


@dataclass(frozen=True, slots=True)
class TellVault:
    """Send this to the vault; if it cannot be reached, it is lost."""

    vault: Incarnation
    message: ToVault


@dataclass(frozen=True, slots=True)
class EndExecutor:
    """Ask the supervisor to end an executor that does not keep its deadlines."""

    executor: Incarnation


Command: TypeAlias = TellGateway | TellExecutor | TellVault | EndExecutor
