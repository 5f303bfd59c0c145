"""What the supervisor tells the login server."""

from typing import Annotated

from msgspec import Meta, Struct


class LoginServerSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All that the login server is told."""

    spares: Annotated[int, Meta(ge=1, le=64)]
    """Logins that wait for a job; more only help when many start in the same millisecond."""
