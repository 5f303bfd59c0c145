"""What a client hears about a request whose answer will not come."""

from typing import Final

from wire.faults import Fault, FaultCode
from wire.messages import (
    Connect,
    ConnectDynamic,
    ConnectionStatus,
    Disconnect,
    Execute,
    ListConnections,
    Request,
)

LOST: Final = Fault(code=FaultCode.EXECUTOR_LOST, may_have_run=True)
"""For a statement whose executor died; also when a second try came to nothing."""


def given_up(request: Request, *, may_be_done: bool) -> Fault:
    """Return the fault for *request*, whose time is over before an answer came."""
    return unanswered(request) if may_be_done else Fault(code=FaultCode.UNAVAILABLE)


def unanswered(request: Request) -> Fault:
    """Return the fault for *request*, which may or may not have been carried out.

    What changes nothing that a client can see (a list, a lease whose id nobody got) is simply
    unavailable.
    """
    match request:
        case Execute():
            return Fault(code=FaultCode.OUTCOME_UNKNOWN, may_have_run=True)
        case Disconnect():
            return Fault(
                code=FaultCode.OUTCOME_UNKNOWN,
                message="The connection ID may or may not be closed",
                hint="Send the request again; a closed ID is answered with Invalid connection ID.",
            )
        case Connect() | ConnectDynamic() | ListConnections() | ConnectionStatus():
            return Fault(code=FaultCode.UNAVAILABLE)
