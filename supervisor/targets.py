"""Where clients with a password of their own may connect: `dynamicTargets`.

An entry is `"loopback"`, or an object with a host, an address or a network. To anything off this
machine clients' connections are encrypted, and the server verified; there is no key for it.
"""

from ipaddress import ip_network
from pathlib import Path
from typing import Final

from supervisor.checks import Check, host_name, whole_number
from supervisor.keys import ConfigurationError, as_object, check_keys
from wire.lending import AllowedTarget

TARGETS_MAX: Final = 100
LOOPBACK: Final = "loopback"


LOOPBACK_TARGETS: Final = (AllowedTarget(network="127.0.0.0/8"), AllowedTarget(network="::1/128"))


def _network() -> Check:
    def check(value: object) -> str | None:
        try:
            good = isinstance(value, str) and ip_network(value) is not None
        except ValueError:
            good = False
        return None if good else "an address or a network such as 10.1.0.0/16"

    return check


_ENTRY: Final[dict[str, Check]] = {
    "host": host_name(),
    "network": _network(),
    "port": whole_number(1, 65535),
}


def read_targets(found: object, *, path: Path) -> tuple[AllowedTarget, ...]:
    """Return the targets in *found*; raise ConfigurationError."""
    where = f'configuration {path}: "dynamicTargets"'
    if not isinstance(found, list) or len(found) > TARGETS_MAX:
        raise ConfigurationError(f"{where} must be a list of at most {TARGETS_MAX} targets")
    targets: list[AllowedTarget] = []
    for number, entry in enumerate(found, 1):
        targets += LOOPBACK_TARGETS if entry == LOOPBACK else (_entry(entry, where, number),)
    return tuple(targets)


def _entry(entry: object, where: str, number: int) -> AllowedTarget:
    which = f"{where}, entry {number}:"
    keys = as_object(entry, which, f'{which} it must be "{LOOPBACK}", or it')
    if "sslmode" in keys:
        raise ConfigurationError(
            f'{which} key "sslmode" is for "connections": what a client brings goes off this '
            'machine as with "verify-full", and nothing less'
        )
    check_keys(keys, _ENTRY, which)
    host, network, port = keys.get("host"), keys.get("network"), keys.get("port")
    if (host is None) == (network is None):
        raise ConfigurationError(f'{which} it must have "host" or "network", and not both')
    if _is_never(host if network is None else network):
        raise ConfigurationError(
            f"{which} it is a link-local, multicast or unspecified address, and none of these is "
            "ever connected to"
        )
    return AllowedTarget(
        host=None if host is None else str(host),
        network=None if network is None else str(ip_network(str(network))),
        port=port if isinstance(port, int) else None,
    )


def _is_never(written: object) -> bool:
    """Return whether that is an address or a network which the vault refuses, whatever is listed.

    The vault has the last word, and its list is longer; this is for who would count on the entry.
    """
    try:
        network = ip_network(str(written))
    except ValueError:
        return False
    return network.is_link_local or network.is_multicast or network.is_unspecified
