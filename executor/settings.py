"""What one executor may do; a struct that the supervisor fills and this process decodes."""

from typing import Annotated, TypeAlias

from msgspec import Meta, Struct

from wire.names import DeadlineMs

Slots: TypeAlias = Annotated[int, Meta(ge=1, le=64)]
Rows: TypeAlias = Annotated[int, Meta(ge=1, le=1_000_000)]
Bytes: TypeAlias = Annotated[int, Meta(ge=1, le=64 << 20)]


class ExecutorSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The limits of one executor, and the two directories that it may use."""

    slots: Slots
    """Statements that run at the same time, each in a thread of its own."""
    adopt_dir: str
    """Where drivers are handed connections: ours alone (mode 0700), and with a short path."""
    router_dir: str
    """Where the router's socket is; reachable, never written."""
    rows_max: Rows
    """Rows of one result; what comes after them is cut off, and the result says so."""
    result_max_bytes: Bytes
    """The JSON of one result; a larger one is a fault."""
    statement_max_bytes: Bytes
    """The text of one statement in UTF-8."""
    statement_ms: DeadlineMs
    """No statement runs longer, whatever its request says."""
