"""When a credential may be tried again after a server refused it; pure.

Servers lock accounts after a few wrong passwords. A credential that was refused three times in a
row is left alone for half a minute, then for twice as long each time. Until it has worked, and
again after each refusal, it is tried by one login at a time, so that many callers are one try.
"""

from typing import Final, NamedTuple, TypeVar

T = TypeVar("T")

FREE_TRIES: Final = 3
"""Below the five or ten after which servers commonly lock an account."""

PROVEN_AT_ONCE: Final = 16
"""So many that one server which stalls does not take every login from the others."""

FIRST_PAUSE_S: Final = 30.0
LONGEST_PAUSE_S: Final = 900.0
RECORDS_MAX: Final = 4096
"""Clients may bring credentials of their own; of so many the oldest is forgotten."""

_DOUBLINGS_MAX: Final = 16  # past the longest pause; a credential may be refused for weeks


class _Record(NamedTuple):
    refused: int
    not_before: float


class Attempts:
    """The refusals of each credential since it last worked."""

    def __init__(self) -> None:
        self._records: dict[str, _Record] = {}
        self._proven: dict[str, None] = {}

    def may_try(self, credential: str, *, now: float) -> bool:
        """Return whether a login with *credential* may be started."""
        record = self._records.get(credential)
        return record is None or now >= record.not_before

    def pause_s(self, credential: str, *, now: float) -> float:
        """Return how long it is until the credential may be tried; 0 where it may be now."""
        record = self._records.get(credential)
        return 0.0 if record is None else max(0.0, record.not_before - now)

    def at_once(self, credential: str) -> int:
        """Return how many logins may use *credential* at the same time."""
        return PROVEN_AT_ONCE if credential in self._proven else 1

    def worked(self, credential: str) -> None:
        """Note that the server took the credential."""
        self._records.pop(credential, None)
        _make_room(self._proven, credential)
        self._proven[credential] = None

    def refused(self, credential: str, *, now: float) -> None:
        """Note that the server refused the user or the password."""
        self._proven.pop(credential, None)
        refused = self._records.get(credential, _Record(0, 0.0)).refused + 1
        over = min(refused - FREE_TRIES, _DOUBLINGS_MAX)
        pause_s = 0.0 if over < 0 else min(FIRST_PAUSE_S * 2.0**over, LONGEST_PAUSE_S)
        _make_room(self._records, credential)
        self._records[credential] = _Record(refused, now + pause_s)

    def forget(self, credential: str) -> None:
        """Forget a credential that is no more."""
        self._records.pop(credential, None)
        self._proven.pop(credential, None)


def _make_room(records: dict[str, T], credential: str) -> None:
    if credential not in records and len(records) >= RECORDS_MAX:
        del records[next(iter(records))]
