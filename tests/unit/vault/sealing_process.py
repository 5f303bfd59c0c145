"""Takes a credential in and sends it once, as the vault does; then holds still.

    python sealing_process.py DESCRIPTOR

Prints `done`, and ends with its standard input.
"""

import socket
import sys

from vault.intake import take_in
from vault.seal import Keys
from vault.secret import SecretPage
from vault.wiping import wipe


def main() -> None:
    keys, page = Keys(SecretPage.own()), SecretPage.own()
    taken = take_in(int(sys.argv[1]), keys)
    one, other = socket.socketpair()
    sealed = taken.credentials["MAIN"].sealed
    one.send(keys.open_credential(sealed, name="MAIN", into=page.view))
    wipe(page.view)
    one.close()
    other.close()
    sys.stdout.write("done\n")
    sys.stdout.flush()
    sys.stdin.read()


if __name__ == "__main__":
    main()
