import pytest

from broker.crowd import Crowd, HttpLimits
from wire.logs import Log

LIMITS = HttpLimits(connections=4, held_bytes=100)


class Connection:
    """One of the crowd, which only notes that it was cut off."""

    def __init__(self) -> None:
        self.is_cut_off = False

    def look(self, now: float) -> None:
        """Have no limits of its own."""

    def cut_off(self) -> None:
        """Note it."""
        self.is_cut_off = True


def a_crowd() -> Crowd:
    return Crowd(LIMITS, log=Log("test"))


def came(crowd: Crowd, count: int, *, admitted: bool = False) -> list[Connection]:
    connections = [Connection() for _ in range(count)]
    for connection in connections:
        crowd.came(connection)
        if admitted:
            crowd.admitted(connection)
    return connections


def cut_off(connections: list[Connection]) -> list[bool]:
    return [connection.is_cut_off for connection in connections]


def test_the_oldest_stranger_makes_room() -> None:
    crowd = a_crowd()
    known = came(crowd, 1, admitted=True)
    strangers = came(crowd, 2)

    later = came(crowd, 2)

    assert cut_off(known + strangers + later) == [False, True, True, False, False]


def test_one_stranger_is_let_in_beside_those_that_fill_the_room_and_no_more() -> None:
    crowd = a_crowd()
    known = came(crowd, 3, admitted=True)

    first, second = came(crowd, 1), came(crowd, 1)

    assert cut_off(known) == [False, False, False]
    assert cut_off(first + second) == [True, False]


def test_who_has_left_takes_no_room() -> None:
    crowd = a_crowd()
    first = came(crowd, 3)
    crowd.left(first[0])

    came(crowd, 1)

    assert cut_off(first) == [False, False, False]


def test_the_slowest_reader_goes_when_too_much_is_not_read(
    capfd: pytest.CaptureFixture[str],
) -> None:
    crowd = a_crowd()
    readers = came(crowd, 3, admitted=True)
    crowd.fell_behind(readers[1], 50)
    crowd.fell_behind(readers[0], 50)

    crowd.fell_behind(readers[2], 1)

    assert cut_off(readers) == [False, True, False]
    assert "client_cut_off" in capfd.readouterr().err


def test_what_is_read_counts_no_more() -> None:
    crowd = a_crowd()
    readers = came(crowd, 2, admitted=True)
    crowd.fell_behind(readers[0], 100)
    crowd.caught_up(readers[0])

    crowd.fell_behind(readers[1], 100)

    assert cut_off(readers) == [False, False]


def test_one_answer_alone_is_never_too_much() -> None:
    crowd = a_crowd()
    (reader,) = came(crowd, 1, admitted=True)

    crowd.fell_behind(reader, 1000)

    assert not reader.is_cut_off


def test_who_was_cut_off_is_not_counted_again() -> None:
    crowd = a_crowd()
    gone, reader = came(crowd, 2, admitted=True)
    crowd.stalled(gone)

    crowd.fell_behind(gone, 100)
    crowd.fell_behind(reader, 100)

    assert cut_off([gone, reader]) == [True, False]
