"""The executor's loop: the supervisor, the router, the vault and the slots, each in turn.

Only this thread touches the router's socket. In which order things are heard does not matter: a run
is stopped or answered whenever that becomes known.
"""

import select

from executor.borrowing import VaultLink
from executor.executions import Executions
from executor.slots import Slots
from wire.child import Control, Heard
from wire.codec import MalformedMessageError
from wire.control import Finish, Pair, RouterLost, RouterReady
from wire.dealer import Dealer
from wire.logs import Log
from wire.messages import Ran, Run, Stop, ToExecutor
from wire.packets import PeerGoneError, close_all


class Service:
    """One executor at work."""

    def __init__(
        self,
        control: Control,
        router: Dealer[ToExecutor],
        vault: VaultLink,
        executions: Executions,
        slots: Slots,
        log: Log,
    ) -> None:
        self._control = control
        self._router = router
        self._vault = vault
        self._executions = executions
        self._slots = slots
        self._log = log
        self._is_finishing = False

    def run(self) -> None:
        """Work until the supervisor says Finish; raise EndedError when it is gone."""
        try:
            while not self._is_finishing:
                self._turn()
            self._executions.engines.close()
        finally:
            self._router.close()

    def _turn(self) -> None:
        self._wait()
        self._slots.bell.silence()
        self._hear_supervisor()
        self._hear_vault()
        self._serve_router()

    def _wait(self) -> None:
        poll = select.poll()
        poll.register(self._control, select.POLLIN)
        poll.register(self._slots.bell, select.POLLIN)
        vault, router = self._vault.fileno(), self._router.fileno()
        if vault is not None:
            unsaid = select.POLLOUT if self._vault.has_unsaid() else 0
            poll.register(vault, select.POLLIN | unsaid)
        if router is not None:
            poll.register(router, select.POLLIN)
        poll.poll()

    def _hear_supervisor(self) -> None:
        while (heard := self._control.hear()) is not None:
            self._obey(heard)

    def _obey(self, heard: Heard) -> None:
        match heard.message, heard.descriptors:
            case Pair(role="vault"), (descriptor,):
                self._vault.connect(descriptor)
            case RouterReady(endpoint=endpoint, public_key=public_key), ():
                self._slots.forget_all()
                self._router.connect(endpoint, public_key)
            case RouterLost(), ():
                self._slots.forget_all()
                self._router.disconnect()
            case Finish(), ():
                self._is_finishing = True
            case message, descriptors:
                close_all(descriptors)
                self._log.warning("unexpected_message", kind=type(message).__name__)

    def _hear_vault(self) -> None:
        self._vault.flush()
        try:
            while (message := self._vault.hear()) is not None:
                self._slots.stop_pool(message.pool)
                self._vault.wake()
                self._executions.engines.dispose(message.pool)
        except MalformedMessageError:
            self._log.warning("malformed_message", sender="vault")
        except PeerGoneError:
            self._log.warning("vault_lost")
            self._vault.disconnect()

    def _serve_router(self) -> None:
        while True:
            ready = self._router.look()
            if ready.to_hear:
                self._take_one()
            elif ready.to_say and (done := self._slots.done()) is not None:
                self._router.say(Ran(run_id=done.task.run.run_id), done.payload)
            else:
                return

    def _take_one(self) -> None:
        try:
            heard = self._router.hear()
        except MalformedMessageError:
            self._log.warning("malformed_message", sender="router")
            return
        if heard is None:
            return
        match heard.message:
            case Run() as run:
                self._slots.submit(run, heard.payload)
            case Stop(run_id=run_id):
                self._slots.stop(run_id)
                self._vault.wake()
