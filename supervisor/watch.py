"""Wait for descriptors and points in time, and call whoever asked; the loop is in service.py."""

import selectors
import time
from collections.abc import Callable, Hashable
from typing import TypeAlias

Callback: TypeAlias = Callable[[], None]


class Watch:
    """What one thread waits for."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self._callbacks: dict[int, Callback] = {}
        self._times: dict[Hashable, tuple[float, Callback]] = {}

    def add(self, descriptor: int, callback: Callback) -> None:
        """Call *callback* whenever *descriptor* can be read."""
        self._selector.register(descriptor, selectors.EVENT_READ)
        self._callbacks[descriptor] = callback

    def drop(self, descriptor: int) -> None:
        """Forget *descriptor*, which may have been forgotten before; before it is closed."""
        if self._callbacks.pop(descriptor, None) is not None:
            self._selector.unregister(descriptor)

    def at(self, key: Hashable, when: float, callback: Callback) -> None:
        """Call *callback* once at *when* on the monotonic clock, instead of what *key* had."""
        self._times[key] = (when, callback)

    def cancel(self, key: Hashable) -> None:
        """Forget what was to be called for *key*, if anything."""
        self._times.pop(key, None)

    def turn(self) -> None:
        """Wait until something is due, and call for it."""
        for found, _ in self._selector.select(self._patience_s()):
            # An earlier call of this turn may have dropped it, or closed it and opened another as
            # its number: a call too many is harmless, because every callback reads without waiting.
            callback = self._callbacks.get(found.fd)
            if callback is not None:
                callback()
        now = time.monotonic()
        due = [key for key, (when, _) in self._times.items() if when <= now]
        for key in due:
            entry = self._times.pop(key, None)
            if entry is not None:
                entry[1]()

    def close(self) -> None:
        """Close the selector."""
        self._selector.close()

    def _patience_s(self) -> float | None:
        if not self._times:
            return None
        return max(0.0, min(when for when, _ in self._times.values()) - time.monotonic())
