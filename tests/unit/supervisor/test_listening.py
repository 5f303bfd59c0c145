"""The port: loopback only, and one sentence when it cannot be had."""

import pytest

from supervisor.listening import Address, ListenError, bound_address, listen, parse_address


@pytest.mark.parametrize(
    ("given", "address"),
    [
        ("127.0.0.1:8765", Address("127.0.0.1", 8765)),
        ("localhost:1", Address("127.0.0.1", 1)),
        ("[::1]:80", Address("::1", 80)),
    ],
)
def test_a_loopback_address_is_read(given: str, address: Address) -> None:
    assert parse_address(given) == address


@pytest.mark.parametrize("given", ["8765", ":8765", "127.0.0.1:", "127.0.0.1:70000", "x:y", "::1"])
def test_what_is_not_an_address_is_refused(given: str) -> None:
    with pytest.raises(ListenError):
        parse_address(given)


@pytest.mark.parametrize("given", ["0.0.0.0:80", "[::]:80", "192.0.2.1:80", "example.com:80"])
def test_an_address_that_other_machines_reach_is_refused(given: str) -> None:
    with pytest.raises(ListenError, match="only loopback"):
        parse_address(given)


def test_a_busy_port_is_one_sentence() -> None:
    with listen(Address("127.0.0.1", 0)) as first:
        address = bound_address(first)

        with pytest.raises(ListenError, match=rf"^port {address.port} on 127\.0\.0\.1 is in use;"):
            listen(address)
