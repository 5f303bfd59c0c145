"""Say where a file that people write is not JSON, without quoting it.

Standard library only: the take-out imports this before anything else.
"""

import json
import re
from typing import Final

# Where the interpreter stops: at the comma itself, or at what closes the object behind it.
_CLOSED_AFTER: Final = re.compile(r",?\s*[}\]]")


def what_is_wrong(error: json.JSONDecodeError) -> str:
    """Return line, column and kind of the first mistake."""
    # What follows a colon in its message may be a character of the file.
    kind = error.msg.partition(": ")[0]
    before, after = error.doc[: error.pos].rstrip(), error.doc[error.pos :]
    has_comma = before.endswith(",") or after.startswith(",")
    guess = " (a comma too many?)" if has_comma and _CLOSED_AFTER.match(after) else ""
    return f"line {error.lineno}, column {error.colno}: {kind}{guess}"
