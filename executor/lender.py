"""The loop's side of the vault: what it takes back, and whom that concerns."""

import select

from executor.borrowing import VaultLink
from executor.engines import EveryEngine
from executor.slots import Slots
from wire.codec import MalformedMessageError
from wire.drops import log_malformed
from wire.logs import Log
from wire.packets import PeerGoneError


class VaultLender:
    """Hears the vault for the loop."""

    def __init__(self, link: VaultLink, engines: EveryEngine, slots: Slots, log: Log) -> None:
        self._link = link
        self._engines = engines
        self._slots = slots
        self._log = log

    def register(self, poll: select.poll) -> None:
        """Have *poll* wait for what there is to hear or to say."""
        descriptor = self._link.fileno()
        if descriptor is not None:
            unsaid = select.POLLOUT if self._link.has_unsaid() else 0
            poll.register(descriptor, select.POLLIN | unsaid)

    def connect(self, descriptor: int) -> None:
        """Talk to the vault at the other end of *descriptor* from now on."""
        self._link.connect(descriptor)

    def wake(self) -> None:
        """Have whoever waits for the vault look whether it still should."""
        self._link.wake()

    def hear(self) -> None:
        """Say what is unsaid, and do what the vault asks."""
        self._link.flush()
        try:
            while (message := self._link.hear()) is not None:
                self._slots.stop_pool(message.pool)
                self._link.wake()
                self._engines.dispose(message.pool)
        except MalformedMessageError as error:
            log_malformed(self._log, error, sender="vault")
        except PeerGoneError:
            self._log.warning("vault_lost")
            self._link.disconnect()
