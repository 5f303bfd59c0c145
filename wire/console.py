"""What the console and the supervisor say on `control.sock` in the run directory.

The supervisor asks the kernel for the caller's uid before it reads a byte. One packet
(SOCK_SEQPACKET) of MessagePack each, with the descriptors that the docstring names.
"""

from typing import Annotated, TypeAlias

from msgspec import Meta, Struct


class AskStatus(Struct, frozen=True, kw_only=True, tag="ask_status", forbid_unknown_fields=True):
    """Console to supervisor: say what runs, and which leases are open."""


class AdoptStdio(Struct, frozen=True, kw_only=True, tag="adopt_stdio", forbid_unknown_fields=True):
    """Console to supervisor, with two descriptors: serve the MCP client on these standard streams.

    As long as the caller keeps its socket open, and no longer.
    """


FromConsole: TypeAlias = AskStatus | AdoptStdio
"""All that the console may say."""


class StatusReport(
    Struct, frozen=True, kw_only=True, tag="status_report", forbid_unknown_fields=True
):
    """Supervisor to console, with one descriptor: a memory file that holds the report as JSON."""


class StdioEnded(Struct, frozen=True, kw_only=True, tag="stdio_ended", forbid_unknown_fields=True):
    """Supervisor to console: the gateway on those streams has exited, with this status."""

    status: Annotated[int, Meta(ge=0, le=255)]


class NotServed(Struct, frozen=True, kw_only=True, tag="not_served", forbid_unknown_fields=True):
    """Supervisor to console: no, and why."""

    sentence: str


ToConsole: TypeAlias = StatusReport | StdioEnded | NotServed
"""All that the console may hear."""
