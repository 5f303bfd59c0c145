"""What the supervisor tells the router."""

from typing import Annotated

from msgspec import Meta, Struct

from broker.roster import PeerRole


class Endpoints(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the router listens: one socket for each role, so that a socket tells a role."""

    gateway: str
    executor: str
    file_executor: str
    vault: str

    def by_role(self) -> dict[PeerRole, str]:
        """Return where peers of each role find the router."""
        return {
            "gateway": self.gateway,
            "executor": self.executor,
            "file-executor": self.file_executor,
            "vault": self.vault,
        }


class RouterSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All that the router is told."""

    endpoints: Endpoints
    waiting_max: Annotated[int, Meta(ge=1, le=100_000)]
    """Requests in flight at once; the next one is refused."""
    statements_per_lease: Annotated[int, Meta(ge=1, le=10_000)]
    statements_per_principal: Annotated[int, Meta(ge=1, le=10_000)]
