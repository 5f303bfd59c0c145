"""MCP clients on standard streams: a gateway each, and a console command that waits for its end."""

from collections.abc import Callable
from typing import Final

from supervisor.console_socket import Caller
from supervisor.fleet import Fleet
from supervisor.outfits import Outfit, Outfits
from supervisor.plan import Member
from wire.console import NotServed, StdioEnded
from wire.packets import close_all

STREAMS: Final = 2
CLIENTS_MAX: Final = 64

_STATUS_MAX: Final = 255


class StdioClients:
    """Who waits for a gateway, and who has one."""

    def __init__(
        self,
        fleet: Fleet,
        outfits: Outfits,
        *,
        first_number: int,
        close: Callable[[Caller], None],
        idle: Callable[[], None],
    ) -> None:
        """Serve nobody yet; *idle* is called when the last of at least one client has gone."""
        self._fleet = fleet
        self._outfits = outfits
        self._number = first_number
        self._close = close
        self._idle = idle
        self._open = False
        self._waiting: dict[Caller, tuple[int, int]] = {}
        self._serving: dict[str, Caller | None] = {}

    def adopt(self, caller: Caller, descriptors: tuple[int, ...]) -> None:
        """Serve the client on these two streams, once the system is ready."""
        if len(descriptors) != STREAMS or len(self._waiting) + len(self._serving) >= CLIENTS_MAX:
            close_all(descriptors)
            few = len(descriptors) == STREAMS
            why = "too many clients on standard streams" if few else "two streams are needed"
            caller.answer(NotServed(sentence=why))
            self._close(caller)
            return
        self._waiting[caller] = (descriptors[0], descriptors[1])
        self._serve_waiting()

    def open(self) -> None:
        """Serve those who waited: the system is ready."""
        self._open = True
        self._serve_waiting()

    def left(self, caller: Caller) -> None:
        """End what was for this caller only."""
        close_all(self._waiting.pop(caller, ()))
        for name, its in self._serving.items():
            if its is caller:
                self._serving[name] = None
                self._fleet.stop(name)
                break

    def ended(self, name: str, status: int) -> None:
        """Tell whoever waited that the gateway of that name has exited, if it was one of these."""
        if name not in self._serving:
            return
        caller = self._serving.pop(name)
        if caller is not None:
            caller.answer(StdioEnded(status=min(status, _STATUS_MAX)))
            self._close(caller)
        if self.is_idle():
            self._idle()

    def is_idle(self) -> bool:
        """Return whether no client is served or waits to be."""
        return not self._serving and not self._waiting

    def _serve_waiting(self) -> None:
        while self._open and self._waiting:
            caller, streams = self._waiting.popitem()
            name = f"gateway-{self._number}"
            self._number += 1
            self._serving[name] = caller
            outfit = self._outfits.for_stdio(streams, uid=caller.uid)
            self._fleet.start((Member(name, "gateway"),), _always(outfit), lives=1)
            # The gateway's copies are on their way; ours would keep the client's pipes open.
            close_all(streams)


def _always(outfit: Outfit) -> Callable[[Member], Outfit]:
    return lambda _member: outfit
