"""However a client spells a server, its tries count under one name."""

from ipaddress import IPv4Address, IPv6Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vault.counted import account_at, server_at

LOOPBACK = [
    "127.0.0.1",
    "127.9.9.9",
    "localhost",
    "LOCALHOST",
    "localhost.",
    "db.localhost",
    "ip6-localhost",
    "::1",
    "0:0:0:0:0:0:0:1",
    "::ffff:127.0.0.1",
    "::FFFF:7F00:1",
    "0:0:0:0:0:ffff:7f00:0001",
]


@pytest.mark.parametrize("host", LOOPBACK)
def test_an_account_of_this_machine_is_one_however_it_is_named(host: str) -> None:
    assert account_at("ann", host, 5432) == "ann@localhost:5432"


@pytest.mark.parametrize(
    ("user", "host", "port"),
    [("bob", "db", 5432), ("Ann", "db", 5432), ("ann", "db2", 5432), ("ann", "db", 5433)],
)
def test_another_user_host_or_port_is_another_account(user: str, host: str, port: int) -> None:
    assert account_at(user, host, port) != account_at("ann", "db", 5432)


def test_what_the_server_cuts_off_a_name_makes_no_other_account() -> None:
    name = "ä" * 31 + "b"

    assert account_at(name + "c", "db", 1) == account_at(name + "dé", "db", 1)
    assert account_at(name[:-1] + "c", "db", 1) != account_at(name, "db", 1)


@given(st.ip_addresses(v=4))
def test_an_ipv4_address_is_one_server_in_all_its_spellings(address: IPv4Address) -> None:
    mapped = IPv6Address(f"::ffff:{address}")

    for text in (str(mapped), mapped.exploded, mapped.exploded.upper(), f"::ffff:{address}"):
        assert server_at(text, 1) == server_at(str(address), 1)
        assert account_at("ann", text, 1) == account_at("ann", str(address), 1)


@given(st.ip_addresses(v=6))
def test_an_ipv6_address_is_one_server_in_all_its_spellings(address: IPv6Address) -> None:
    assert server_at(address.exploded.upper(), 1) == server_at(str(address), 1)


def test_what_may_lead_elsewhere_is_another_server() -> None:
    hosts = ("127.0.0.1", "127.0.0.2", "::1", "localhost", "localhost.")

    assert len({server_at(host, 1) for host in hosts}) == len(hosts)
    assert server_at("LocalHost", 1) == server_at("localhost", 1)


def test_the_directory_of_a_socket_stays_as_it_is() -> None:
    assert server_at("/Run/Database.", 1).host == "/Run/Database."
