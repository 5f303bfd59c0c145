"""Text from a database or a server, as a terminal may get it: nothing in it is a command."""

import re
from typing import Final

# C0, DEL and C1 move the cursor, rename the window or answer in the user's name; what follows turns
# the direction of writing, so that a line reads as another than it is; surrogates are no text.
_UNSAFE: Final = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)
_SHORT: Final = {"\t": "\\t", "\n": "\\n", "\r": "\\r"}
_TWO_DIGITS: Final = 0xFF


def visible(text: str) -> str:
    r"""Return *text* with each such character as `\x1b` or `\u202e`."""
    return _UNSAFE.sub(_shown, text)


def visible_lines(text: str) -> str:
    """Return the same, line ends kept: for sentences of ours that quote."""
    return "\n".join(map(visible, text.split("\n")))


def visible_json(document: str) -> str:
    """Return the same JSON document; outside its strings it has no such character."""
    return _UNSAFE.sub(lambda found: f"\\u{ord(found[0]):04x}", document)


def _shown(found: re.Match[str]) -> str:
    character = found[0]
    code = ord(character)
    return _SHORT.get(character) or (f"\\x{code:02x}" if code <= _TWO_DIGITS else f"\\u{code:04x}")
