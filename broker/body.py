"""The body of one HTTP request, in memory that is overwritten when it is done with."""

from typing import Final

from broker.wiped import Wiped, overwrite

BODY: Final = "strongroom.body"
"""Where the state of a request's scope has its `Body`."""


class Body:
    """What has come of a body so far, in parts."""

    def __init__(self) -> None:
        self._parts: list[Wiped] = []
        self.size_bytes = 0
        self.unheeded_bytes = 0
        """How much has come since its reader was last there."""

    def add(self, part: bytes) -> None:
        """Take *part* over from the parser, which made it for nobody else."""
        self._parts.append(Wiped(part))
        overwrite(part)
        self.size_bytes += len(part)
        self.unheeded_bytes += len(part)

    def heed(self) -> None:
        """Note that the reader knows of all that has come."""
        self.unheeded_bytes = 0

    def drop(self) -> None:
        """Forget what has come: nobody will read it."""
        self._parts.clear()
        self.unheeded_bytes = 0

    def take(self) -> Wiped:
        """Return the whole of it, which is the caller's from now on."""
        parts, self._parts = self._parts, []
        if len(parts) == 1:
            return parts[0]
        whole, at = Wiped(sum(map(len, parts))), 0
        for part in parts:
            whole[at : at + len(part)] = part
            at += len(part)
        return whole
