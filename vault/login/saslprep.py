"""Bring a password into the form that PostgreSQL hashes (SASLprep, RFC 4013, as libpq does it).

libpq and the server agree on three departures from the RFC, and a login must make the same ones:
ASCII passwords are not looked at; a password that is not UTF-8 or holds something prohibited is
used as it is; and what is checked is the password before its normalization, not after.
"""

import stringprep
import unicodedata


def prepare(password: bytearray) -> bytearray:
    """Return *password* prepared, in a buffer of its own; *password* is left as it was.

    The text of a password outside ASCII passes through immutable strings that cannot be wiped.
    """
    if password.isascii():
        return bytearray(password)
    # What is not UTF-8 turns into U+FFFD, which is prohibited: no exception holds the password.
    text = _map(password.decode("utf-8", "replace"))
    if not text or any(map(_prohibited, text)) or not _bidi_allows(text):
        return bytearray(password)
    # Today's tables, not those of Unicode 3.2: libpq's are today's, too.
    return bytearray(unicodedata.normalize("NFKC", text), "utf-8")


def _map(text: str) -> str:
    # Spaces first: U+200B is in both tables, and becomes a space.
    return "".join(
        " " if stringprep.in_table_c12(c) else c
        for c in text
        if stringprep.in_table_c12(c) or not stringprep.in_table_b1(c)
    )


def _prohibited(c: str) -> bool:
    return (
        stringprep.in_table_a1(c)  # unassigned in Unicode 3.2
        or stringprep.in_table_c21_c22(c)  # control characters
        or stringprep.in_table_c3(c)  # private use
        or stringprep.in_table_c4(c)  # no characters at all
        or stringprep.in_table_c6(c)  # not for plain text
        or stringprep.in_table_c7(c)  # not for canonical representation
        or stringprep.in_table_c8(c)  # change the display
        or stringprep.in_table_c9(c)  # tags
    )


def _bidi_allows(text: str) -> bool:
    # RFC 3454, section 6.
    if not any(map(stringprep.in_table_d1, text)):
        return True
    if any(map(stringprep.in_table_d2, text)):
        return False
    return stringprep.in_table_d1(text[0]) and stringprep.in_table_d1(text[-1])
