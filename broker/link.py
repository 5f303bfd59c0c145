"""A gateway's requests to the router: each is answered exactly once, whatever dies on the way.

The asyncio side of one DEALER socket. A request waits while there is no router, for as long as its
own deadline; what was sent and not answered when the router died may have run, and its answer says
so. A socket is never used for a second router: what is queued in it must not be sent twice.
"""

import asyncio
import itertools
from typing import Final

import msgspec

from broker.outcomes import given_up, unanswered
from wire.codec import TO_GATEWAY, MalformedMessageError
from wire.dealer import Dealer, FromRouter
from wire.drops import log_malformed
from wire.faults import Fault, FaultCode
from wire.logs import Log
from wire.messages import Answer, Cancel, Failed, Request, ToGateway
from wire.names import Incarnation, RequestId
from wire.results import failure

GIVE_UP_S: Final = 2.0
"""How long after a request's deadline its answer may still come: the router enforces it too."""

_GOODBYE_MS: Final = 100
"""For the Cancels of a gateway that ends; more would hold up the stop of everything."""

_BATCH: Final = 256
"""Answers taken in one go, so that a flood of them does not starve the clients."""


class _Asked:
    """One request that waits for its answer."""

    __slots__ = ("expires_at", "future", "message", "payload", "sent", "timer")

    def __init__(self, message: Request, payload: bytes, expires_at: float) -> None:
        self.message = message
        self.payload = payload
        self.expires_at = expires_at
        self.sent = False
        self.future: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self.timer: asyncio.TimerHandle | None = None

    def end(self, result: bytes) -> None:
        """Settle the request, unless it is settled."""
        self.stop_timer()
        if not self.future.done():
            self.future.set_result(result)

    def wait_until(self, when: float, fault: Fault) -> None:
        """End the request with *fault* at *when*, if nothing else ends it before."""
        self.stop_timer()
        loop = asyncio.get_running_loop()
        self.timer = loop.call_at(when, lambda: self.end(failure(fault)))

    def stop_timer(self) -> None:
        """Let no time end the request any more."""
        if self.timer is not None:
            self.timer.cancel()


class RouterLink:
    """The gateway's end of the link to whichever router there is."""

    def __init__(self, incarnation: Incarnation, *, waiting_max: int, log: Log) -> None:
        self._waiting_max = waiting_max
        self._log = log
        self._dealer = Dealer(incarnation, TO_GATEWAY)
        self._asked: dict[RequestId, _Asked] = {}
        self._numbers = itertools.count(1)

    @property
    def public_key(self) -> bytes:
        """Return the key under which the router will know this gateway."""
        return self._dealer.public_key

    def new_request_id(self) -> RequestId:
        """Return an id that this gateway never used before."""
        return RequestId(str(next(self._numbers)))

    async def ask(self, message: Request, payload: bytes = b"", *, deadline_s: float) -> bytes:
        """Return the CallToolResult that answers *message*; every failure is one too.

        Cancelling the task that waits here cancels the request.
        """
        if len(self._asked) >= self._waiting_max:
            return failure(Fault(code=FaultCode.OVERLOADED))
        asked = _Asked(message, payload, asyncio.get_running_loop().time() + deadline_s)
        self._asked[message.request_id] = asked
        try:
            self._submit(asked)
            result = await asked.future
        except asyncio.CancelledError:
            self._withdraw(asked)
            raise
        finally:
            asked.stop_timer()
            del self._asked[message.request_id]
        return result

    def router_ready(self, endpoint: str, public_key: bytes) -> None:
        """Use the router at *endpoint* from now on, and send it what has been waiting."""
        self.router_lost()
        descriptor = self._dealer.connect(endpoint, public_key)
        asyncio.get_running_loop().add_reader(descriptor, self._read)
        for asked in self._asked.values():
            if not asked.future.done():
                self._submit(asked)

    def router_lost(self) -> None:
        """End all that was sent, and let what comes now wait for the next router."""
        self._forget_router()
        self._dealer.disconnect()
        for asked in self._asked.values():
            if asked.sent:
                asked.end(failure(unanswered(asked.message)))

    def end_all(self) -> None:
        """Answer everything that waits with what is known of it."""
        for asked in self._asked.values():
            asked.end(failure(given_up(asked.message, may_be_done=asked.sent)))

    def close(self) -> None:
        """End everything, with what is still queued given a moment to leave."""
        self.end_all()
        self._forget_router()
        self._dealer.close(linger_ms=_GOODBYE_MS)

    def _forget_router(self) -> None:
        descriptor = self._dealer.fileno()
        if descriptor is not None:
            asyncio.get_running_loop().remove_reader(descriptor)

    def _submit(self, asked: _Asked) -> None:
        """Send the request, or have it wait for a router."""
        if not self._dealer.is_connected:
            asked.wait_until(asked.expires_at, Fault(code=FaultCode.UNAVAILABLE))
            return
        left_s = max(0.0, asked.expires_at - asyncio.get_running_loop().time())
        message = msgspec.structs.replace(asked.message, deadline_ms=int(left_s * 1000))
        if not self._send(message, asked.payload):
            asked.end(failure(Fault(code=FaultCode.OVERLOADED)))
            return
        asked.sent = True
        asked.payload = b""
        asked.wait_until(asked.expires_at + GIVE_UP_S, unanswered(asked.message))

    def _withdraw(self, asked: _Asked) -> None:
        if asked.sent:
            self._send(Cancel(request_id=asked.message.request_id))

    def _send(self, message: Request | Cancel, payload: bytes = b"") -> bool:
        """Return False where the queue to the router is full."""
        is_sent = self._dealer.say(message, payload)
        # A send may have taken note of an arrival without telling us.
        if self._dealer.look().to_hear:
            asyncio.get_running_loop().call_soon(self._read)
        return is_sent

    def _read(self) -> None:
        """Take the answers that are there."""
        for _ in range(_BATCH):
            try:
                heard = self._dealer.hear()
            except MalformedMessageError as error:
                log_malformed(self._log, error, sender="router")
                continue
            if heard is None:
                return
            self._settle(heard)
        asyncio.get_running_loop().call_soon(self._read)

    def _settle(self, heard: FromRouter[ToGateway]) -> None:
        asked = self._asked.get(heard.message.request_id)
        if asked is None:
            # Its client went away, or did not want to wait any longer.
            return
        match heard.message:
            case Answer():
                asked.end(heard.payload)
            case Failed(fault=fault):
                asked.end(failure(fault))
