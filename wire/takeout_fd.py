"""How credentials that left the environment travel on: a memory file, and its number in a variable.

Standard library only: the take-out imports this before anything else.
"""

import os
from pathlib import Path
from typing import Final

SECRETS_FD: Final = "STRONGROOM_SECRETS_FD"
"""The variable that carries the memory file's descriptor number into the next program."""

MEMORY_FILE_NAME: Final = "strongroom-credentials"


def inherited_descriptor() -> int | None:
    """Return the descriptor that the take-out left, unless the variable is somebody's old one."""
    number = os.environ.get(SECRETS_FD, "")
    if not (number.isascii() and number.isdigit()):
        return None
    try:
        target = Path(f"/proc/self/fd/{number}").readlink()
    except OSError:
        return None
    return int(number) if str(target).startswith(f"/memfd:{MEMORY_FILE_NAME}") else None
