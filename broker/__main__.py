"""Start one of the broker's processes: `python -P -m broker gateway | router`."""

import sys
from importlib import import_module
from typing import Final

_ROLES: Final = ("gateway", "router")


def main(arguments: list[str]) -> None:
    """Run the role that *arguments* names, and load no other's code."""
    if len(arguments) != 1 or arguments[0] not in _ROLES:
        sys.exit(f"usage: python -P -m broker {' | '.join(_ROLES)}")
    import_module(f"broker.{arguments[0]}").main()


if __name__ == "__main__":
    main(sys.argv[1:])
