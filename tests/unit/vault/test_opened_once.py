"""What was opened is known again, as long as it is among the last."""

from vault.opened_once import KEPT_MAX, OpenedOnce


def test_what_was_opened_is_known_and_nothing_else() -> None:
    opened = OpenedOnce()
    opened.note(b"one")

    assert opened.has(b"one")
    assert not opened.has(b"two")


def test_of_too_many_the_oldest_is_forgotten() -> None:
    opened = OpenedOnce()
    for number in range(KEPT_MAX + 1):
        opened.note(b"%d" % number)

    assert not opened.has(b"0")
    assert opened.has(b"1")
    assert len(opened._hashes) == KEPT_MAX
