"""What the router has counted of one connection id's statements; the router alone counts."""

from typing import Annotated

from msgspec import Meta, Struct

from wire.faults import FaultCode

Count = Annotated[int, Meta(ge=0)]


class Usage(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Counted since this router began, or since the connection id was first used with it."""

    since_s: float = 0.0
    """For so long it has been counted; 0 where nothing was."""
    statements: Count = 0
    """That have ended, well or badly."""
    rows: Count = 0
    bytes: Count = 0
    """Of the results as clients read them, faults included."""
    errors: Count = 0
    last_fault: FaultCode | None = None
    last_used_s: float | None = None
    """So long ago the last statement began or ended."""
    running: Count = 0
    waiting: Count = 0
