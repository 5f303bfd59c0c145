"""Make what a report says safe to show to anyone.

A hit's surroundings may hold another secret, so they are shown as a shape: punctuation and a
few well-known words, everything else as x. Names of files may hold the secret itself.
"""

import re
from typing import Final

from console.scan.needles import Needles

MASK: Final = ord("#")
# Fewer characters than this give nothing away; more of them in a row are masked.
GRAM_BYTES: Final = 4
KNOWN_WORDS: Final = frozenset(
    {
        *(b"credential", b"credentials", b"key", b"login", b"pass", b"passwd", b"password", b"pwd"),
        *(b"secret", b"token", b"user", b"username", b"pgpassword", b"authorization", b"basic"),
        *(b"http", b"https", b"mysql", b"postgres", b"postgresql", b"host", b"port", b"dbname"),
    }
)


class Redactor:
    """Takes one secret, in all its spellings, out of texts."""

    def __init__(self, needles: Needles) -> None:
        shortest = min(len(needle.content) for needle in needles.all)
        self._size = min(GRAM_BYTES, shortest)
        self._grams = {
            needle.content[index : index + self._size]
            for needle in needles.all
            for index in range(len(needle.content) - self._size + 1)
        }

    def name(self, text: str) -> str:
        """Return *text*, a name or path, without any part of the secret, fit for a terminal."""
        content = text.encode(errors="surrogateescape")
        masked = self._masked(content, content).decode(errors="backslashreplace")
        return "".join(map(_printable, masked))

    def shape(self, content: bytes) -> str:
        """Return what *content* looks like, without saying what it holds."""
        shown = re.sub(rb"[^ -~]", b".", content)
        shown = re.sub(rb"[0-9A-Za-z]+", _word_or_xs, shown)
        return self._masked(content, shown).decode("ascii")

    def _masked(self, content: bytes, shown: bytes) -> bytes:
        masked = bytearray(shown)
        for index in range(len(content) - self._size + 1):
            if content[index : index + self._size] in self._grams:
                masked[index : index + self._size] = bytes([MASK]) * self._size
        return bytes(masked)


def _printable(letter: str) -> str:
    return letter if letter.isprintable() else letter.encode("unicode_escape").decode()


def _word_or_xs(match: re.Match[bytes]) -> bytes:
    word = match[0]
    return word if word.lower() in KNOWN_WORDS else b"x" * len(word)
