"""What a person types: `strongroom COMMAND …`.

The credentials leave the environment before anything else of ours is even imported.
"""

import importlib
import sys
from typing import Final

from console.takeout import take_credentials

_STARTS_A_SYSTEM: Final = frozenset({"up", "stdio"})


def main() -> int:
    """Run one command and return its exit status."""
    arguments = sys.argv[1:]
    if arguments[:1] and arguments[0] in _STARTS_A_SYSTEM:
        again = [sys.executable, "-P", "-m", "console", *arguments]
        take_credentials(arguments, reexec=again)
    # By name, because even an import that is not used yet would run before the line above.
    status: int = importlib.import_module("console.commandline").main(arguments)
    return status


if __name__ == "__main__":
    sys.exit(main())
