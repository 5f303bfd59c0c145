"""Pieces of a secret that are ordinary words are no trace of it; all others are."""

import os
import secrets

import pytest

from console.scan.needles import needles_for
from console.scan.ordinary import Ordinary
from console.scan.proof import prove
from console.scan.report import Suspect, Verdict
from tests.harness.memory import a_process

SECRET = b"GoodPassword_123"
# All but the end of it is a word that every Python has.
WORD = b"KeyboardInterrup7"


def test_a_word_that_libraries_have_is_ordinary_and_chance_is_not() -> None:
    ordinary = Ordinary([os.getpid()])

    assert ordinary(b"Password", 8)
    assert ordinary(b"KeyboardInterrup", 8)
    assert not ordinary(secrets.token_bytes(8), 8)
    assert not ordinary(WORD, 8)


def test_a_secret_with_a_word_in_it_is_not_found_where_only_the_word_is() -> None:
    with a_process("", b"-" * 8 + b"Password" + b"-" * 8) as pid:
        report = prove([Suspect(pid, "executor")], SECRET, [])

    assert report.hits == ()
    assert report.verdict is Verdict.CLEAN
    (note,) = report.notes
    assert " of the secret's 9 pieces are ordinary words" in note
    assert "assword" not in note


@pytest.mark.parametrize("held", [SECRET, SECRET[:12], SECRET[4:]])
def test_more_of_it_than_the_word_is_found(held: bytes) -> None:
    with a_process("", held) as pid:
        report = prove([Suspect(pid, "executor")], SECRET, [])

    assert report.verdict is Verdict.FOUND
    assert max(hit.length_bytes for hit in report.hits) == len(held)


def test_a_secret_of_nothing_but_a_word_cannot_be_proved_absent() -> None:
    with a_process("") as pid:
        report = prove([Suspect(pid, "executor")], WORD, [])

    assert report.verdict is Verdict.INCOMPLETE
    (gap,) = report.scanner
    assert "9 of its 10 pieces are ordinary words" in gap.reason


def test_a_random_secret_has_no_ordinary_piece() -> None:
    needles = needles_for(secrets.token_urlsafe(33).encode())
    ordinary = Ordinary([os.getpid()])

    assert ordinary.gap(needles) == []
    assert ordinary.note(needles) == []
