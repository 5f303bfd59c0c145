"""What to look for: one secret in every spelling that a program may give it; touch nothing.

A freed copy loses some of its bytes, not all, so a long secret is also looked for in fragments.
Every window of eight bytes of every spelling goes into one set of integers. Memory is then read
as integers too: a surviving run of fifteen bytes covers one whole aligned integer, wherever it
lies. One set intersection therefore looks for all spellings at once, however many they are
(twice as fast as one regular expression with all the fragments, six times as fast as `in`).

Not found: what is compressed, encrypted, or spelled in a way that is not listed here.
"""

import base64
import json
import re
import sys
import urllib.parse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias

WORD_BYTES: Final = 8
# The shortest run that always covers an aligned word; shorter spellings are sought one by one.
SURE_RUN_BYTES: Final = 2 * WORD_BYTES - 1
FRAGMENT_CHARACTERS: Final = 8
# Below this a fragment would be a few letters, which occur anywhere: only the whole counts.
FRAGMENTS_FROM_CHARACTERS: Final = 16
MIN_CHARACTERS: Final = 3
MAX_SECRET_BYTES: Final = 4096
# Memory is full of text, whose letters are far from even: one in 32 by chance, not one in 256.
CHANCE_OF_A_LETTER: Final = 1 / 32

Extra: TypeAlias = tuple[str, bytes]
"""A name and bytes that are worth as much as the secret, such as a SCRAM key."""


class UnsearchableSecretError(ValueError):
    """The secret is too short or too long to be looked for."""


@dataclass(frozen=True, slots=True)
class Needle:
    """One spelling; a run of at least *floor_bytes* of it is a hit."""

    encoding: str
    content: bytes = field(repr=False)
    floor_bytes: int
    symbols: int


@dataclass(frozen=True, slots=True, repr=False)
class Needles:
    """All spellings, ready to be searched for; shows nothing of them."""

    all: tuple[Needle, ...]
    characters: int
    windows: dict[int, list[tuple[Needle, int]]]
    words: frozenset[int]
    short: tuple[Needle, ...]

    @property
    def whole_only(self) -> bool:
        """Say whether the secret is too short for its fragments to mean anything."""
        return self.characters < FRAGMENTS_FROM_CHARACTERS

    @property
    def longest_bytes(self) -> int:
        """Return the length of the longest spelling."""
        return max(len(needle.content) for needle in self.all)

    def chance_hits(self, scanned_bytes: int) -> float:
        """Return about how many whole spellings that much text holds by chance."""
        each = (CHANCE_OF_A_LETTER**needle.symbols for needle in self.all)
        return scanned_bytes * sum(each)


def needles_for(secret: bytes, extra: Sequence[Extra] = ()) -> Needles:
    """Return what to look for, given a *secret* and what else is worth as much.

    Raises UnsearchableSecretError, which says nothing of the secret but its length.
    """
    text = _text(secret)
    characters = len(secret if text is None else text)
    if characters < MIN_CHARACTERS:
        raise UnsearchableSecretError(f"a secret of {characters} characters is found anywhere")
    if len(secret) > MAX_SECRET_BYTES:
        raise UnsearchableSecretError(f"a secret has at most {MAX_SECRET_BYTES} bytes")
    spellings = [*_text_spellings(secret, text), *_byte_spellings("", secret)]
    found = _distinct(spellings, whole_only=characters < FRAGMENTS_FROM_CHARACTERS)
    for name, content in extra:
        if len(content) < MIN_CHARACTERS:
            raise UnsearchableSecretError(f"{name} has {len(content)} bytes")
        few = len(content) < FRAGMENTS_FROM_CHARACTERS
        found += _distinct(_byte_spellings(f"{name} ", content), whole_only=few)
    return _indexed(tuple(found), characters)


_Spelling: TypeAlias = tuple[str, bytes, float]
"""Name, content, bytes per character."""


def _text(secret: bytes) -> str | None:
    try:
        return secret.decode()
    except UnicodeDecodeError:
        return None


def _byte_spellings(prefix: str, content: bytes) -> Iterator[_Spelling]:
    yield f"{prefix}raw", content, 1
    yield f"{prefix}hex", content.hex().encode(), 2
    yield f"{prefix}HEX", content.hex().upper().encode(), 2
    for shift in range(3):
        # Where the secret begins inside what was encoded; only whole symbols are certain.
        certain = (shift + len(content)) * 8 // 6
        standard = base64.b64encode(bytes(shift) + content)[:certain][(0, 2, 3)[shift] :]
        yield f"{prefix}base64+{shift}", standard, 1.5
        url_safe = standard.translate(bytes.maketrans(b"+/", b"-_"))
        yield f"{prefix}base64url+{shift}", url_safe, 1.5


def _text_spellings(secret: bytes, text: str | None) -> Iterator[_Spelling]:
    yield "raw", secret, 1
    if text is None:
        return
    for codec, width in (("utf-16-le", 2), ("utf-16-be", 2), ("utf-32-le", 4), ("utf-32-be", 4)):
        yield codec, text.encode(codec), width
    if all(ord(letter) < 256 for letter in text):  # noqa: PLR2004 - what Latin-1 holds
        # CPython keeps such a text in one byte per letter, which is not UTF-8.
        yield "latin-1", text.encode("latin-1"), 1
    for name, spelling in (*_quoted(text), *_percent_encoded(text)):
        yield name, spelling.encode(), 1
    yield "bytes-repr", repr(secret)[2:-1].encode(), 1


def _quoted(text: str) -> Iterator[tuple[str, str]]:
    plain, kept = json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1]
    yield "json", plain
    yield "json-utf-8", kept
    yield "json-slash", plain.replace("/", r"\/")
    html_safe = re.sub("[<>&]", lambda match: f"\\u{ord(match[0]):04x}", kept)
    yield "json-html", html_safe
    yield "sql", text.replace("'", "''")
    yield "backslash", re.sub(r"""(['"\\])""", r"\\\1", text)
    # With both kinds of quotes in it, also how libpq wants it in a connection string.
    yield "repr", repr(text)[1:-1]


def _percent_encoded(text: str) -> Iterator[tuple[str, str]]:
    # Libraries differ in what they leave alone; these are Python's ways and JavaScript's.
    for name, safe in (("url", ""), ("url-path", "/"), ("url-js", "!*'()"), ("url-user", " +")):
        yield from _both_cases(name, urllib.parse.quote(text, safe=safe))
    yield from _both_cases("url-plus", urllib.parse.quote_plus(text))


def _both_cases(name: str, upper: str) -> Iterator[tuple[str, str]]:
    yield name, upper
    yield f"{name}-lower", re.sub("%..", lambda match: match[0].lower(), upper)


def _distinct(
    spellings: Sequence[_Spelling] | Iterator[_Spelling], *, whole_only: bool
) -> list[Needle]:
    found: dict[bytes, Needle] = {}
    for name, content, width in spellings:
        floor = len(content) if whole_only else int(FRAGMENT_CHARACTERS * width)
        symbols = int(len(content) / width) if name.startswith("utf") else len(content)
        found.setdefault(content, Needle(name, content, floor, symbols))
    return list(found.values())


def _indexed(needles: tuple[Needle, ...], characters: int) -> Needles:
    windows: dict[int, list[tuple[Needle, int]]] = {}
    for needle in needles:
        if len(needle.content) < SURE_RUN_BYTES:
            continue
        for index in range(len(needle.content) - WORD_BYTES + 1):
            window = needle.content[index : index + WORD_BYTES]
            windows.setdefault(int.from_bytes(window, sys.byteorder), []).append((needle, index))
    short = tuple(needle for needle in needles if len(needle.content) < SURE_RUN_BYTES)
    return Needles(needles, characters, windows, frozenset(windows), short)
