"""The executor's loop: the supervisor, the router, the vault and the slots, each in turn.

Only this thread touches the router's socket. In which order things are heard does not matter: a run
is stopped or answered whenever that becomes known.
"""

import math
import select
from collections.abc import Callable
from typing import Protocol

from executor.slots import Slots
from wire.child import Control, Heard
from wire.codec import MalformedMessageError
from wire.control import Finish, Pair, RouterLost, RouterReady
from wire.dealer import Dealer
from wire.drops import drop_unexpected, log_malformed
from wire.logs import Log
from wire.messages import Ran, Run, Stop, ToExecutor


def _nothing_to_tend() -> float | None:
    return None


class Lender(Protocol):
    """The vault, as the loop deals with it; a file executor has none."""

    def register(self, poll: select.poll) -> None:
        """Have *poll* wait for what there is to hear or to say."""

    def connect(self, descriptor: int) -> None:
        """Talk to the vault at the other end of *descriptor* from now on."""

    def wake(self) -> None:
        """Have whoever waits for the vault look whether it still should."""

    def hear(self) -> None:
        """Say what is unsaid, and do what the vault asks."""


class Service:
    """One executor at work."""

    def __init__(
        self,
        control: Control,
        router: Dealer[ToExecutor],
        slots: Slots,
        log: Log,
        *,
        close: Callable[[], None],
        lender: Lender | None = None,
        tend: Callable[[], float | None] = _nothing_to_tend,
    ) -> None:
        """Serve the *slots*; *close* is called at the end in good order.

        *tend* is called on each turn, and returns in how many seconds it wants to be at the latest.
        """
        self._control = control
        self._router = router
        self._slots = slots
        self._log = log
        self._close = close
        self._lender = lender
        self._tend = tend
        self._is_finishing = False

    def run(self) -> None:
        """Work until the supervisor says Finish; raise EndedError when it is gone."""
        try:
            while not self._is_finishing:
                self._turn()
            self._close()
        finally:
            self._router.close()

    def _turn(self) -> None:
        self._wait(self._tend())
        self._slots.bell.silence()
        self._hear_supervisor()
        if self._lender is not None and not self._is_finishing:  # the vault goes with all others
            self._lender.hear()
        self._serve_router()

    def _wait(self, at_most_s: float | None) -> None:
        poll = select.poll()
        poll.register(self._control, select.POLLIN)
        poll.register(self._slots.bell, select.POLLIN)
        if self._lender is not None:
            self._lender.register(poll)
        if (router := self._router.fileno()) is not None:
            poll.register(router, select.POLLIN)
        poll.poll(None if at_most_s is None else math.ceil(at_most_s * 1000))

    def _hear_supervisor(self) -> None:
        while (heard := self._control.hear()) is not None:
            self._heed(heard)

    def _heed(self, heard: Heard) -> None:
        match heard.message, heard.descriptors:
            case Pair(role="vault"), (descriptor,) if self._lender is not None:
                self._lender.connect(descriptor)
            case RouterReady(endpoint=endpoint, public_key=public_key), ():
                self._slots.forget_all()
                self._router.connect(endpoint, public_key)
            case RouterLost(), ():
                self._slots.forget_all()
                self._router.disconnect()
            case Finish(), ():
                self._is_finishing = True
            case message, descriptors:
                drop_unexpected(self._log, message, descriptors)

    def _serve_router(self) -> None:
        while True:
            ready = self._router.look()
            if ready.to_hear:
                self._take_one()
            elif ready.to_say and (done := self._slots.done()) is not None:
                ran = Ran(run_id=done.task.run.run_id, rows=done.rows, failed=done.failed)
                self._router.say(ran, done.payload)
            else:
                return

    def _take_one(self) -> None:
        try:
            heard = self._router.hear()
        except MalformedMessageError as error:
            log_malformed(self._log, error, sender="router")
            return
        if heard is None:
            return
        match heard.message:
            case Run() as run:
                self._slots.submit(run, heard.payload)
            case Stop(run_id=run_id):
                self._slots.stop(run_id)
                if self._lender is not None:
                    self._lender.wake()
