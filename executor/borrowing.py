"""Ask the vault for logged-in connections, and tell it what becomes of them.

Any slot may borrow; the loop owns the socket pair and replaces it when the vault has died. A
connection counts as held from its acceptance until it is closed, whatever happens to the vault.
"""

import itertools
import os
import threading
from collections import deque
from socket import socket
from typing import Final, NamedTuple

from executor.waiting import Patience, StoppedError
from wire.codec import HANDOVER, TO_BORROWER, MalformedMessageError, encode
from wire.faults import Fault, FaultCode, RefusedError
from wire.lending import (
    Accepted,
    Borrow,
    Disposed,
    FromBorrower,
    HandedOver,
    Holding,
    Interrupt,
    NotHandedOver,
    Returned,
    Session,
    ToBorrower,
    Withdrawn,
)
from wire.names import DEADLINE_MAX_MS, Handle, PoolKey
from wire.packets import (
    Packet,
    PeerGoneError,
    close_all,
    receive_packet,
    send_packet,
    socket_pair,
)

DEATHS_MAX: Final = 3
"""Asking again after a login died is safe, since it was never used; but a login that always dies is
not worth more logins."""

NEXT_VAULT_S: Final = 0.5
"""A vault that dies closes its pair and its logins' sockets at nearly the same moment."""


class Borrowed(NamedTuple):
    """One connection that speaks the protocol after login; the receiver owns the descriptor."""

    handle: Handle
    session: Session
    descriptor: int


class VaultLink:
    """Our end of the socket pair with the vault, whichever vault that is."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._link: socket | None = None
        self._generation = 0
        self._numbers = itertools.count()
        self._holding: set[Handle] = set()
        self._unsaid: deque[FromBorrower] = deque()

    def connect(self, descriptor: int) -> None:
        """Use a new socket pair; the vault hears first what this executor holds."""
        with self._changed:
            self._close()
            self._link = socket(fileno=descriptor)
            self._link.settimeout(0)
            self._generation += 1
            # What was not said to the old vault is in Holding, or meant a run that is over by now.
            self._unsaid.clear()
            self._say(Holding(handles=tuple(self._holding)))
            self._changed.notify_all()

    def disconnect(self) -> None:
        """Forget a pair whose other end is closed."""
        with self._changed:
            self._close()
            self._changed.notify_all()

    def fileno(self) -> int | None:
        """Return the descriptor to wait on, or None between two vaults."""
        return None if self._link is None else self._link.fileno()

    def hear(self) -> ToBorrower | None:
        """Return the next message, or None when there is none yet.

        Raises PeerGoneError when this vault is gone, and MalformedMessageError for nonsense.
        """
        if self._link is None:
            return None
        try:
            packet = receive_packet(self._link)
        except BlockingIOError:
            return None
        close_all(packet.descriptors)
        return TO_BORROWER.decode(packet.content)

    def wake(self) -> None:
        """Have every waiting borrower look whether its run is over."""
        with self._changed:
            self._changed.notify_all()

    def has_unsaid(self) -> bool:
        """Return whether messages wait for room in the socket."""
        return bool(self._unsaid)

    def flush(self) -> None:
        """Say what waits, as far as there is room."""
        with self._changed:
            self._flush()

    def borrow(self, grant: bytes, patience: Patience) -> Borrowed:
        """Return a connection; raise RefusedError, or StoppedError when the run was stopped.

        Waits for the next vault when this one dies, as long as *patience* lasts.
        """
        deaths = 0
        try:
            while deaths < DEATHS_MAX:
                generation = self._await_vault(patience)
                borrowed = self._ask(grant, patience, generation)
                if borrowed is not None:
                    return borrowed
                if not self._next_vault_comes(generation):
                    deaths += 1
        except StoppedError as stopped:
            if stopped.code is not FaultCode.DEADLINE:
                raise
        raise RefusedError(Fault(code=FaultCode.UNAVAILABLE)) from None

    def interrupt(self, handle: Handle) -> None:
        """Have the vault cancel what runs on this connection, which is then closed."""
        self._tell(Interrupt(handle=handle))

    def returned(self, handle: Handle) -> None:
        """Say that this connection is closed."""
        with self._changed:
            self._holding.discard(handle)
            self._say(Returned(handles=(handle,)))

    def disposed(self, pool: PoolKey) -> None:
        """Say that the engine of this pool is gone."""
        self._tell(Disposed(pool=pool))

    def _await_vault(self, patience: Patience) -> int:
        with self._changed:
            while self._link is None:
                patience.check()
                self._changed.wait(patience.left_s())
            return self._generation

    def _next_vault_comes(self, generation: int) -> bool:
        with self._changed:
            return self._changed.wait_for(
                lambda: self._generation != generation or self._link is None, NEXT_VAULT_S
            )

    def _ask(self, grant: bytes, patience: Patience, generation: int) -> Borrowed | None:
        """Return a connection, or None when vault or login died over it."""
        mine, theirs = socket_pair()
        with mine:
            with theirs:
                left_ms = min(int(patience.left_s() * 1000), DEADLINE_MAX_MS)
                number = next(self._numbers)
                request = encode(Borrow(grant=grant, number=number, deadline_ms=left_ms))
                if not self._send_request(request, theirs):
                    return None
            self._await_answer(mine, number, patience)
            try:
                return self._accept(receive_packet(mine), mine, generation)
            except PeerGoneError:
                return None

    def _await_answer(self, handover: socket, number: int, patience: Patience) -> None:
        try:
            patience.wait(handover.fileno())
        except StoppedError:
            # Else the loan would count until the login has ended, and whoever asks next be refused.
            self._tell(Withdrawn(number=number))
            raise

    def _send_request(self, request: bytes, handover: socket) -> bool:
        with self._changed:
            # What was withdrawn or returned before makes room for this.
            self._flush()
            if self._link is None:
                return False
            try:
                is_said = not self._unsaid
                if is_said:
                    send_packet(self._link, request, [handover.fileno()])
            except PeerGoneError:
                return False
            except BlockingIOError:
                is_said = False
        if not is_said:
            # A vault this far behind would not answer in time.
            raise RefusedError(Fault(code=FaultCode.OVERLOADED))
        return True

    def _accept(self, packet: Packet, handover: socket, generation: int) -> Borrowed | None:
        try:
            message = HANDOVER.decode(packet.content)
        except MalformedMessageError:
            message = NotHandedOver(fault=Fault(code=FaultCode.INTERNAL))
        if isinstance(message, HandedOver) and len(packet.descriptors) == 1:
            return self._hold(
                Borrowed(message.handle, message.session, packet.descriptors[0]),
                handover,
                generation,
            )
        close_all(packet.descriptors)
        if isinstance(message, NotHandedOver):
            raise RefusedError(message.fault)
        raise RefusedError(Fault(code=FaultCode.INTERNAL))

    def _hold(self, borrowed: Borrowed, handover: socket, generation: int) -> Borrowed | None:
        with self._changed:
            # A new vault was told what we hold; what the old one lent is none of its business,
            # and is ended unless we accept it.
            if generation == self._generation:
                try:
                    send_packet(handover, encode(Accepted()))
                except PeerGoneError:
                    pass
                else:
                    self._holding.add(borrowed.handle)
                    return borrowed
        os.close(borrowed.descriptor)
        return None

    def _flush(self) -> None:
        while self._unsaid and self._try(self._unsaid[0]):
            self._unsaid.popleft()

    def _tell(self, message: FromBorrower) -> None:
        with self._changed:
            self._say(message)

    def _say(self, message: FromBorrower) -> None:
        if self._unsaid or not self._try(message):
            self._unsaid.append(message)

    def _try(self, message: FromBorrower) -> bool:
        """Send; return False when there is no room. Without a vault there is nobody to tell."""
        if self._link is None:
            return True
        try:
            send_packet(self._link, encode(message))
        except BlockingIOError:
            return False
        except PeerGoneError:
            # The loop reads the end of this pair by itself.
            return True
        return True

    def _close(self) -> None:
        if self._link is not None:
            self._link.close()
            self._link = None
