"""What the supervisor tells the router."""

from typing import Annotated

from msgspec import Meta, Struct


class Endpoints(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the router listens: one socket for each role, so that a socket tells a role."""

    gateway: str
    executor: str
    vault: str


class RouterSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All that the router is told."""

    endpoints: Endpoints
    waiting_max: Annotated[int, Meta(ge=1, le=100_000)]
    """Requests in flight at once; the next one is refused."""
