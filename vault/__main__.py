"""Start the vault or its login server: `python -P -m vault service | login-server`."""

import sys

from vault import service
from vault.login import server


def main() -> None:
    """Become the role that the command line names."""
    match sys.argv[1:]:
        case ["service"]:
            service.main()
        case ["login-server"]:
            server.main()
        case _:
            sys.exit("usage: python -P -m vault service | login-server")


if __name__ == "__main__":
    main()
