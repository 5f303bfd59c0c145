"""Under which name tries are counted, however a client spells what it names; pure.

Else every spelling of one server would be a server with free tries of its own. Names are not looked
up here: a name and its address are two.
"""

from ipaddress import IPv6Address, ip_address
from typing import Final

from vault.reach import Server

_LOCALHOST: Final = "localhost"
_LOCAL_NAMES: Final = frozenset({"ip6-localhost", "ip6-loopback", "localhost.localdomain"})
"""Names that systems commonly give to loopback addresses."""

_ROLE_BYTES: Final = 63
"""PostgreSQL cuts longer names of users, so they are one user (NAMEDATALEN)."""


def server_at(host: str, port: int) -> Server:
    """Return the server that logins reach at *host*, whose spelling does not matter.

    What may lead elsewhere stays apart, or a client could have one taken for unreachable by naming
    another: each loopback address, and a name with a last dot, which is looked up in its own way.
    """
    # The directory of a Unix socket; no client may name one.
    return Server(host if host.startswith("/") else _one_spelling(host), port)


def account_at(user: str, host: str, port: int) -> str:
    """Return the name of *user*'s account at *host*, where all of this machine is one host."""
    cut = user.encode()[:_ROLE_BYTES].decode(errors="replace")
    spelled = _one_spelling(host.removesuffix("."))
    return f"{cut}@{_LOCALHOST if _is_local(spelled) else spelled}:{port}"


def _one_spelling(host: str) -> str:
    """Return the shortest form of an address, of an IPv4 one also where IPv6 writes it."""
    plain = host.lower()
    try:
        address = ip_address(plain)
    except ValueError:
        return plain
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return str(mapped or address)


def _is_local(spelled: str) -> bool:
    try:
        return ip_address(spelled).is_loopback
    except ValueError:
        is_local = spelled == _LOCALHOST or spelled.endswith("." + _LOCALHOST)
        return is_local or spelled in _LOCAL_NAMES
