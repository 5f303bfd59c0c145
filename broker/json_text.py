"""The text of one JSON string as UTF-8, without a string object made of it; pure.

RFC 8259, section 7, and RFC 3629.
"""

import re
from typing import Final

from broker.wiped import Wiped

_SIMPLE: Final = dict(zip(b'"\\/bfnrt', b'"\\/\b\f\n\r\t', strict=True))
_ESCAPE: Final = re.compile(rb'\\(?:(["\\/bfnrt])|u([0-9a-fA-F]{4}))')
_HIGH: Final = range(0xD800, 0xDC00)
_LOW: Final = range(0xDC00, 0xE000)

_UTF8: Final = re.compile(
    rb"""(?> (?: [\x00-\x7f]++ | [\xc2-\xdf][\x80-\xbf] | \xe0[\xa0-\xbf][\x80-\xbf]
       | [\xe1-\xec\xee\xef][\x80-\xbf]{2} | \xed[\x80-\x9f][\x80-\xbf]
       | \xf0[\x90-\xbf][\x80-\xbf]{2} | [\xf1-\xf3][\x80-\xbf]{3} | \xf4[\x80-\x8f][\x80-\xbf]{2}
       )* )""",
    re.VERBOSE,
)

_ONE_BYTE_END: Final = 0x80
_TWO_BYTES_END: Final = 0x800
_THREE_BYTES_END: Final = 0x10000
_TAIL: Final = 0x80
_TAIL_BITS: Final = 6
_TAIL_MASK: Final = 0x3F


def unescaped(raw: bytearray, start: int, end: int) -> Wiped | None:
    """Return what the string between these places, quotes left out, means.

    None where it is no Unicode text: an escape that JSON has not, half a pair, or no UTF-8.
    """
    # Never longer than it is written, and filled without growing.
    text = Wiped(end - start)
    filled = 0
    with memoryview(text) as into, memoryview(raw) as view:
        while start < end:
            escape = raw.find(b"\\", start, end)
            stop = end if escape < 0 else escape
            into[filled : filled + stop - start] = view[start:stop]
            filled += stop - start
            start = stop
            if start < end:
                start, length = _put_escape(raw, start, end, into[filled:])
                filled += length
                if length == 0:
                    return None
        exact = Wiped(into[:filled])
    return exact if _UTF8.fullmatch(exact) else None


def _put_escape(raw: bytearray, at: int, end: int, into: memoryview) -> tuple[int, int]:
    """Put what the escape at *at* stands for; return where it ends, and its length or 0."""
    found = _ESCAPE.match(raw, at, end)
    if found is None:
        return end, 0
    if found[1]:
        into[0] = _SIMPLE[found[1][0]]
        return found.end(), 1
    number, at = int(found[2], 16), found.end()
    if number in _HIGH:
        second = _ESCAPE.match(raw, at, end)
        low = int(second[2], 16) if second is not None and second[2] else 0
        if second is None or low not in _LOW:
            return end, 0
        number = _THREE_BYTES_END + ((number - _HIGH.start) << 10) + (low - _LOW.start)
        at = second.end()
    return at, 0 if number in _LOW else _put_utf8(number, into)


def _put_utf8(number: int, into: memoryview) -> int:
    """Put a character (RFC 3629, section 3); return its length."""
    if number < _ONE_BYTE_END:
        into[0] = number
        return 1
    length = 2 if number < _TWO_BYTES_END else 3 if number < _THREE_BYTES_END else 4
    for place in range(length - 1, 0, -1):
        into[place] = _TAIL | number & _TAIL_MASK
        number >>= _TAIL_BITS
    # As many ones as there are bytes, then a zero.
    into[0] = (0xF00 >> length) & 0xFF | number
    return length
