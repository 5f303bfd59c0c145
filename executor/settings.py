"""What one executor may do; a struct that the supervisor fills and this process decodes."""

from typing import Annotated, TypeAlias

from msgspec import Meta, Struct

from wire.names import DeadlineMs, SlotCount
from wire.results import RESULT_MAX_BYTES

Rows: TypeAlias = Annotated[int, Meta(ge=1, le=1_000_000)]
ResultBytes: TypeAlias = Annotated[int, Meta(ge=1, le=RESULT_MAX_BYTES)]


class ExecutorSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The limits of one executor, and the one directory that it may use."""

    slots: SlotCount
    """Statements that run at the same time, each in a thread of its own."""
    adopt_dir: str
    """Where drivers are handed connections: ours alone (mode 0700), and with a short path."""
    rows_max: Rows
    """Rows of one result; what comes after them is cut off, and the result says so."""
    result_max_bytes: ResultBytes
    """The JSON of one result; a larger one is a fault."""
    statement_ms: DeadlineMs
    """No statement runs longer, whatever its request says."""
