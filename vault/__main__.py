"""Start the vault or its login server: `python -P -m vault service | login-server`."""

import sys
from importlib import import_module
from typing import Final

_ROLES: Final = {"service": "vault.service", "login-server": "vault.login.server"}


def main(arguments: list[str]) -> None:
    """Become the role that *arguments* names, and load no other's code."""
    if len(arguments) != 1 or arguments[0] not in _ROLES:
        sys.exit(f"usage: python -P -m vault {' | '.join(_ROLES)}")
    import_module(_ROLES[arguments[0]]).main()


if __name__ == "__main__":
    main(sys.argv[1:])
