"""The relay of one connection: plain bytes at the executor's side, TLS at the server's.

A login whose session is encrypted stays as this after it has handed over one end of a socket pair.
It knows no protocol and no password. What is on its way is bounded: each side is read only when
nothing waits for the other. It ends with either side, after passing on what is still to be said,
and at once with the supervisor; it outlives vault and login server, as a lent socket does.
"""

import contextlib
import select
import socket
import ssl
import time
from typing import Final

from vault.login.tls import TlsChannel

BUFFER_BYTES: Final = 256 * 1024
"""The most that is read from one side before it is written to the other."""

LAST_WORDS_S: Final = 5.0
"""So long what a closed executor has said may take to reach the server."""

_NOTHING: Final = memoryview(b"")
_GONE: Final = select.POLLHUP | select.POLLERR
_BOTH: Final = (select.POLLIN, select.POLLIN)


class Relay:
    """Two sockets, what waits for each, and whom to read next."""

    def __init__(
        self,
        *,
        server: socket.socket,
        channel: TlsChannel,
        executor: socket.socket,
        death_pipe: int,
    ) -> None:
        self._server = server
        self._channel = channel
        self._executor = executor
        self._death_pipe = death_pipe
        for side in (server, executor):
            side.settimeout(0)
        # As much as the kernel gives, so that a large read becomes one write.
        executor.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 2 * BUFFER_BYTES)
        self._cipher = memoryview(bytearray(BUFFER_BYTES))
        self._answers = memoryview(bytearray(BUFFER_BYTES))
        self._asks = memoryview(bytearray(BUFFER_BYTES))
        self._to_executor = _NOTHING
        """Part of `_answers` that the executor's socket had no room for."""
        self._to_server = _NOTHING
        """Ciphertext that the server's socket had no room for."""
        self._has_ended = False
        """Whether the server has said all that it will."""

    def pass_on(self) -> None:
        """Give the executor what the server has said by now, without waiting for more."""
        self._answer()

    def run(self) -> None:
        """Carry bytes until either side has ended, or the supervisor is gone."""
        try:
            self._carry()
        except OSError:
            # A broken connection, or broken TLS: both sides see their sockets close.
            return

    def _carry(self) -> None:
        server, executor, poll = self._server.fileno(), self._executor.fileno(), select.poll()
        poll.register(self._death_pipe, 0)
        poll.register(server, select.POLLIN)
        poll.register(executor, select.POLLIN)
        awaited = _BOTH
        while True:
            for descriptor, event in poll.poll():
                if descriptor == executor:
                    if not self._hear_executor(event):
                        self._say_last_words()
                        return
                elif descriptor == server:
                    self._hear_server(event)
                else:
                    return
            if (wanted := self._wanted()) != awaited:
                awaited = wanted
                poll.modify(executor, wanted[0])
                # A server that has ended would be reported for ever.
                _watch(poll, server, wanted[1])

    def _wanted(self) -> tuple[int, int]:
        """Return what to wait for at the executor's side and at the server's."""
        outgoing_bytes = self._channel.outgoing.pending
        if not (self._to_executor or self._to_server or self._has_ended or outgoing_bytes):
            return _BOTH
        executor = select.POLLOUT if self._to_executor else 0
        server = select.POLLOUT if self._to_server else 0
        if not self._to_server:
            executor |= select.POLLIN
        if outgoing_bytes < BUFFER_BYTES and not self._to_executor and not self._has_ended:
            server |= select.POLLIN
        return executor, server

    def _hear_executor(self, event: int) -> bool:
        """Return whether there is an executor still."""
        if event & select.POLLOUT:
            self._answer()
        if event & select.POLLIN and not self._to_server:
            return self._ask()
        return not event & _GONE

    def _hear_server(self, event: int) -> None:
        if self._to_server and event & (select.POLLOUT | _GONE):
            self._flush()
        if not self._to_executor and event & (select.POLLIN | _GONE):
            self._receive()

    def _ask(self) -> bool:
        """Pass on what the executor says; return whether it said anything."""
        try:
            size = self._executor.recv_into(self._asks)
        except ConnectionResetError:
            # It closed with something of the server's unread, after all that it had to say.
            return False
        self._channel.write(self._asks[:size])
        self._flush()
        return size > 0

    def _flush(self) -> None:
        rest = self._to_server or self._channel.outgoing.read()
        try:
            sent = self._server.send(rest, socket.MSG_NOSIGNAL)
        except BlockingIOError:
            sent = 0
        except ConnectionError:
            # It hears no more; what it has said before is still to be read.
            sent = len(rest)
        self._to_server = memoryview(rest)[sent:] if sent < len(rest) else _NOTHING

    def _receive(self) -> None:
        try:
            size = self._server.recv_into(self._cipher)
        except BlockingIOError:
            return
        except ConnectionError:
            size = 0
        if size:
            self._channel.incoming.write(self._cipher[:size])
        else:
            self._has_ended = True
        self._answer()

    def _answer(self) -> None:
        """Decrypt what there is, and give it to the executor as far as there is room."""
        while not self._to_executor or self._send_answer():
            size = self._decrypted()
            if not size:
                break
            self._to_executor = self._answers[:size]
        if self._channel.outgoing.pending and not self._to_server:
            # What TLS has to say of itself: a new key is answered with a new key.
            self._flush()
        if self._has_ended and not self._to_executor:
            with contextlib.suppress(OSError):
                self._executor.shutdown(socket.SHUT_WR)

    def _send_answer(self) -> bool:
        """Return whether nothing waits for the executor any more."""
        rest = self._to_executor
        try:
            sent = self._executor.send(rest, socket.MSG_NOSIGNAL)
        except BlockingIOError:
            return False
        except ConnectionError:
            # It is gone; what it has said before is still to be read.
            sent = len(rest)
        self._to_executor = rest[sent:] if sent < len(rest) else _NOTHING
        return sent == len(rest)

    def _decrypted(self) -> int:
        """Fill the buffer with what the server has said; return how much that is."""
        inside, incoming, size = self._channel.inside, self._channel.incoming, 0
        try:
            while size < BUFFER_BYTES and (incoming.pending or inside.pending()):
                got: int = inside.read(  # type: ignore[assignment] # the size, where it goes into a buffer
                    BUFFER_BYTES - size, self._answers[size:]
                )
                if not got:
                    self._has_ended = True
                    break
                size += got
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLError:
            # Not from the server any more; what was, is passed on.
            self._has_ended = True
        return size

    def _say_last_words(self) -> None:
        """Have the server hear what a closed executor has still said, and that there is no more."""
        deadline = time.monotonic() + LAST_WORDS_S
        poll = select.poll()
        poll.register(self._death_pipe, 0)
        poll.register(self._server, select.POLLOUT)
        is_over = False
        while self._to_server or not is_over:
            if not self._to_server:
                is_over = not self._ask()
                if is_over:
                    self._close_tls()
                continue
            left_ms = max(0, int((deadline - time.monotonic()) * 1000))
            ready = poll.poll(left_ms)
            if [descriptor for descriptor, _ in ready] != [self._server.fileno()]:
                return
            self._flush()

    def _close_tls(self) -> None:
        with contextlib.suppress(ssl.SSLError):
            self._channel.inside.unwrap()
        self._flush()


def _watch(poll: select.poll, descriptor: int, events: int) -> None:
    if events:
        poll.register(descriptor, events)
        return
    with contextlib.suppress(KeyError):
        poll.unregister(descriptor)
