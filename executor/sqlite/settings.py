"""What one file executor may do; a struct that the supervisor fills and this process decodes."""

from msgspec import Struct

from executor.settings import ResultBytes, Rows
from wire.names import Access, ConnectionName, DeadlineMs, SlotCount


class FileAccess(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One file of the configuration."""

    path: str
    """Absolute, and free of symbolic links when the configuration was read."""
    access: Access


class FileExecutorSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The files, and the limits of one file executor."""

    slots: SlotCount
    """Statements that run at the same time, each in a thread of its own."""
    roots: tuple[str, ...]
    """The directories that a file may be in, or below."""
    files: dict[ConnectionName, FileAccess]
    rows_max: Rows
    """Rows of one result; what comes after them is cut off, and the result says so."""
    result_max_bytes: ResultBytes
    """The JSON of one result; a larger one is a fault."""
    statement_ms: DeadlineMs
    """No statement runs longer, whatever its request says."""
