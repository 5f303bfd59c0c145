"""Where clients that name a server themselves may connect; pure.

A name must be allowed before it is looked up, and each of its addresses before a packet goes to it.
What answers on some addresses is never a database that somebody meant: link-local ones, where
clouds keep their metadata, multicast, and those that mean no particular machine. No list allows
them.
"""

import re
from collections.abc import Iterable
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)
from typing import Final, TypeAlias

from wire.lending import AllowedTarget

Address: TypeAlias = IPv4Address | IPv6Address
Network: TypeAlias = IPv4Network | IPv6Network

_NEVER: Final[tuple[Network, ...]] = (
    IPv4Network("0.0.0.0/8"),  # "this network" (RFC 1122): Linux takes 0.0.0.0 for loopback
    IPv4Network("100.100.100.200/32"),  # metadata, Alibaba Cloud
    IPv4Network("168.63.129.16/32"),  # metadata, Azure
    IPv4Network("169.254.0.0/16"),  # link-local (RFC 3927), and metadata nearly everywhere
    IPv4Network("192.0.0.170/31"),  # how NAT64 is found out (RFC 7050), and no host
    IPv4Network("192.0.0.192/32"),  # metadata, Oracle Cloud
    IPv4Network("224.0.0.0/4"),  # multicast (RFC 5771)
    IPv4Network("240.0.0.0/4"),  # reserved, and broadcast (RFC 1112)
    IPv6Network("::/128"),  # unspecified: Linux takes it for loopback
    IPv6Network("fe80::/10"),  # link-local (RFC 4291)
    IPv6Network("fec0::/10"),  # site-local, which is no more (RFC 3879)
    IPv6Network("fd00:ec2::254/128"),  # metadata, Amazon
    IPv6Network("fd20:ce::254/128"),  # metadata, Google
    IPv6Network("ff00::/8"),  # multicast
)
_LOCAL_NAT64: Final = IPv6Network("64:ff9b:1::/48")  # NAT64 for local use (RFC 8215)
_EMBEDDED_AT_THE_END: Final = (
    IPv6Network("::/96"),  # IPv4-compatible (RFC 4291)
    IPv6Network("::ffff:0:0:0/96"),  # IPv4-translated (RFC 2765)
    IPv6Network("64:ff9b::/96"),  # NAT64 (RFC 6052)
    _LOCAL_NAT64,
)
_NAT64_PLACES: Final = ((6, 7, 9, 10), (7, 9, 10, 11), (9, 10, 11, 12))
"""Of an IPv4 address's octets, behind prefixes of 48, 56 and 64 bits (RFC 6052, section 2.2)."""

_MULTICAST_FROM: Final = 224
_ISATAP: Final = (bytes.fromhex("00005efe"), bytes.fromhex("02005efe"))
"""What octets 8 to 11 are where an IPv4 address is at the end, in any network (RFC 5214)."""

_LOOPBACK: Final = (IPv6Address("::1"),)  # not the IPv4 address 0.0.0.1 in IPv6

_LABEL: Final = re.compile(r"(?!-)[A-Za-z0-9_-]{1,63}(?<!-)", re.ASCII)
_NUMBER: Final = re.compile(r"[0-9]+|0[xX][0-9A-Fa-f]*", re.ASCII)
_HOST_MAX: Final = 253
_LOCALHOST: Final = "localhost"


def may_look_up(host: str, port: int, allowed: Iterable[AllowedTarget]) -> bool:
    """Return whether the addresses of *host* may be asked for: some of them could be allowed.

    An address is its own. A name that no entry has is looked up only where a network off this
    machine is allowed: else its look-up would be a message to whoever answers for names.
    """
    plain = _plain(host)
    if plain is None:
        return False
    address = _literal(plain)
    if address is not None:
        return may_connect(host, port, address, allowed)
    return any(_could_be(plain, target) for target in allowed if target.port in (None, port))


def may_connect(host: str, port: int, address: Address, allowed: Iterable[AllowedTarget]) -> bool:
    """Return whether *address*, which was found for *host*, may be connected to."""
    plain = _plain(host)
    if plain is None or _is_never(address):
        return False
    found = _unmapped(address)
    return any(_covers(target, plain, found) for target in allowed if target.port in (None, port))


def stays_here(host: str) -> bool:
    """Return whether the way to *host* never leaves this machine, as far as its name tells."""
    plain = _plain(host)
    literal = None if plain is None else _literal(plain)
    return plain == _LOCALHOST if literal is None else _unmapped(literal).is_loopback


def parsed(address: str) -> Address | None:
    """Return the address that a look-up gave, without its zone; None for what is none."""
    try:
        return ip_address(address.partition("%")[0])
    except ValueError:
        return None


def _plain(host: str) -> str | None:
    """Return *host* in lower case and without its last dot, None where it is neither of the two.

    A name that ends in a number is none: readers differ on 127.1, 0x7f.1 and 2130706433.
    """
    plain = host.lower().removesuffix(".")
    if _literal(plain) is not None:
        # An address has no last dot, and there is one way to write it.
        return plain if plain == host.lower() else None
    labels = plain.split(".")
    if len(plain) > _HOST_MAX or not all(map(_LABEL.fullmatch, labels)):
        return None
    return None if _NUMBER.fullmatch(labels[-1]) else plain


def _literal(plain: str) -> Address | None:
    """Return the address that *plain* is, if it is one; a zone would choose a network."""
    try:
        return None if "%" in plain else ip_address(plain)
    except ValueError:
        return None


def _could_be(plain: str, target: AllowedTarget) -> bool:
    if target.host is not None:
        return _plain(target.host) == plain
    is_local = target.network is None or ip_network(target.network).is_loopback
    return not is_local or plain == _LOCALHOST


def _covers(target: AllowedTarget, plain: str, found: Address) -> bool:
    if target.network is not None:
        return found in ip_network(target.network)
    if target.host is None:
        return False
    named = _plain(target.host)
    if named is None:
        return False
    literal = _literal(named)
    return named == plain if literal is None else _unmapped(literal) == found


def _is_never(address: Address) -> bool:
    return any(one in network for one in _all_of(address) for network in _NEVER)


def _all_of(address: Address) -> list[Address]:
    """Return *address*, and those that it leads to."""
    if isinstance(address, IPv4Address) or address in _LOOPBACK:
        return [address]
    inner: list[Address | None] = [address.ipv4_mapped, address.sixtofour]
    if address.teredo is not None:
        inner += address.teredo
    if address in _LOCAL_NAT64:
        inner += _found_in_nat64(address.packed)
    is_isatap = address.packed[8:12] in _ISATAP
    if is_isatap or any(address in network for network in _EMBEDDED_AT_THE_END):
        inner.append(IPv4Address(address.packed[-4:]))
    return [address, *(one for one in inner if one is not None)]


def _found_in_nat64(packed: bytes) -> list[IPv4Address]:
    """Return what may be embedded; its network's own bits look like reserved addresses there."""
    found = [IPv4Address(bytes(packed[n] for n in place)) for place in _NAT64_PLACES]
    return [one for one in found if 0 < one.packed[0] < _MULTICAST_FROM]


def _unmapped(address: Address) -> Address:
    """Return the IPv4 address that an IPv6 one stands for on this machine (RFC 4291)."""
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address
