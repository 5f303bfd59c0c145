"""Where clients may connect: what the list says, and never what is nobody's database."""

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Final

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from vault.targets import Address, may_connect, may_look_up, parsed, stays_here
from wire.lending import AllowedTarget

LOOPBACK: Final = (AllowedTarget(network="127.0.0.0/8"), AllowedTarget(network="::1/128"))
EVERYTHING: Final = (AllowedTarget(network="0.0.0.0/0"), AllowedTarget(network="::/0"))
PORT: Final = 5432

addresses: Final = st.ip_addresses()
v4: Final = st.ip_addresses(v=4)


def literal(text: str, allowed: tuple[AllowedTarget, ...], port: int = PORT) -> bool:
    """Return whether *text*, which is an address, may be looked up; and check both answers."""
    answer = may_look_up(text, port, allowed)
    address = parsed(text)
    assert address is not None
    assert may_connect(text, port, address, allowed) is answer
    return answer


@pytest.mark.parametrize(
    "text",
    [
        "0.0.0.0",  # noqa: S104 - refused, not bound to
        "0.1.2.3",
        "169.254.169.254",
        "169.254.0.1",
        "100.100.100.200",
        "168.63.129.16",
        "192.0.0.170",
        "192.0.0.171",
        "192.0.0.192",
        "224.0.0.1",
        "255.255.255.255",
        "240.0.0.1",
        "::",
        "fe80::1",
        "febf::1",
        "fec0::1",
        "fd00:ec2::254",
        "fd20:ce::254",
        "ff02::1",
        "::ffff:0.0.0.0",
        "::ffff:169.254.169.254",
        "::169.254.169.254",
        "64:ff9b::a9fe:a9fe",
        "64:ff9b:1::a9fe:a9fe",
        "64:ff9b:1:a9fe:a9:fe00::",
        "64:ff9b:1:1a9:fe:a9fe::",
        "64:ff9b:1:1:a9:fea9:fe00::",
        "::ffff:0:169.254.169.254",
        "2001:db8::5efe:169.254.169.254",
        "2001:db8::200:5efe:169.254.169.254",
        "2002:a9fe:a9fe::1",
        "2001:0:a9fe:a9fe::",
        "2001::5601:5601",
    ],
)
def test_what_is_never_a_database_is_refused_whatever_the_list_says(text: str) -> None:
    assert not literal(text, EVERYTHING)
    assert not may_connect("db", PORT, ip_address(text), (AllowedTarget(host="db"),))
    assert not literal(text, (AllowedTarget(host=text),))


@given(v4)
def test_an_ipv4_address_and_its_mapped_form_are_one(address: IPv4Address) -> None:
    mapped = IPv6Address(f"::ffff:{address}")

    for allowed in (EVERYTHING, LOOPBACK, (AllowedTarget(network="10.0.0.0/8"),)):
        assert may_connect("db", PORT, mapped, allowed) is may_connect("db", PORT, address, allowed)


WRITTEN_AT_THE_END: Final = st.sampled_from(
    ["::ffff:", "::", "::ffff:0:", "64:ff9b::", "64:ff9b:1::", "2001:db8::5efe:", "fd12::200:5efe:"]
)
NOBODYS: Final = st.one_of(
    st.ip_addresses(network="169.254.0.0/16"),
    st.ip_addresses(network="224.0.0.0/3"),
    st.sampled_from([IPv4Address(text) for text in ("100.100.100.200", "168.63.129.16")]),
)


@given(WRITTEN_AT_THE_END, NOBODYS)
def test_no_spelling_of_what_is_never_a_database_gets_past(before: str, address: Address) -> None:
    assert not literal(before + str(address), EVERYTHING)


@pytest.mark.parametrize(
    "text", ["64:ff9b:1:fffe::a00:5", "64:ff9b:1::a00:5", "2001:db8::5efe:a00:5"]
)
def test_an_address_that_leads_to_an_ordinary_one_is_not_refused(text: str) -> None:
    assert literal(text, EVERYTHING)


@given(addresses, st.integers(0, 32))
def test_an_address_is_allowed_by_the_networks_that_have_it_only(
    address: Address, prefix: int
) -> None:
    # What stands for an IPv4 address is judged as that one.
    assume(not (isinstance(address, IPv6Address) and address.ipv4_mapped))
    network = ip_network(f"{address}/{prefix}", strict=False)
    other = ip_network("203.0.113.0/24")

    inside = may_connect("db", PORT, address, (AllowedTarget(network=str(network)),))

    assert inside is may_connect("db", PORT, address, EVERYTHING)
    if address not in other:
        assert not may_connect("db", PORT, address, (AllowedTarget(network=str(other)),))


@given(addresses)
def test_nothing_is_allowed_by_an_empty_list(address: Address) -> None:
    assert not may_connect(str(address), PORT, address, ())
    assert not may_look_up(str(address), PORT, ())
    assert not may_look_up("localhost", PORT, ())


@pytest.mark.parametrize("text", ["127.0.0.1", "127.255.0.9", "::1"])
def test_loopback_is_loopback(text: str) -> None:
    assert literal(text, LOOPBACK)


@pytest.mark.parametrize("text", ["10.0.0.1", "8.8.8.8", "2001:db8::1", "::2"])
def test_what_is_off_this_machine_is_not(text: str) -> None:
    assert not literal(text, LOOPBACK)


@pytest.mark.parametrize(
    "host",
    [
        "127.1",
        "0x7f.1",
        "0x7f000001",
        "0x7f.0.0.0x1",
        "2130706433",
        "0177.0.0.1",
        "127.0.0.01",
        "127.0.0.1.",
        "127.0.0.256",
        "1.2.3.4.5",
        "example.0x",
        "example.7",
        "[::1]",
        "::1%lo",
        "fe80::1%2",
        "::1.",
        "",
        ".",
        "localhost..",
        "a..b",
        "-a",
        "a-",
        "a b",
        "a/b",
        "/var/run/postgresql",
        "a@b",
        "user:password@localhost",
        "locаlhost",  # noqa: RUF001 - one letter is Cyrillic
        "１２７.0.0.1",  # noqa: RUF001 - the digits are wide ones
        "local\0host",
        "localhost\n",
        "a" * 64,
        "a." * 130 + "a",
    ],
)
def test_what_is_neither_a_name_nor_an_address_plainly_written_is_refused(host: str) -> None:
    anything = (*EVERYTHING, AllowedTarget(host=host or "x"))

    assert not may_look_up(host, PORT, anything)
    assert not may_connect(host, PORT, ip_address("127.0.0.1"), anything)


@pytest.mark.parametrize("host", ["db.example", "DB.Example", "db.example.", "Db.EXAMPLE."])
def test_a_named_host_is_allowed_however_it_is_capitalized(host: str) -> None:
    allowed = (AllowedTarget(host="dB.example."),)

    assert may_look_up(host, PORT, allowed)
    assert may_connect(host, PORT, ip_address("10.1.2.3"), allowed)


def test_the_address_of_a_named_host_is_not_allowed_by_itself() -> None:
    allowed = (AllowedTarget(host="db.example"),)

    assert not literal("10.1.2.3", allowed)
    assert not may_connect("other.example", PORT, ip_address("10.1.2.3"), allowed)


def test_a_host_that_is_an_address_allows_it_in_any_spelling() -> None:
    allowed = (AllowedTarget(host="2001:DB8::1"),)

    assert literal("2001:db8:0::1", allowed)
    assert may_connect("db.example", PORT, ip_address("2001:db8::1"), allowed)


def test_a_name_is_not_looked_up_where_only_this_machine_is_allowed() -> None:
    assert may_look_up("localhost", PORT, LOOPBACK)
    assert may_look_up("LOCALHOST.", PORT, LOOPBACK)
    assert not may_look_up("data.of.mine.example", PORT, LOOPBACK)
    assert may_look_up("db.example", PORT, (AllowedTarget(network="10.0.0.0/8"),))


@pytest.mark.parametrize(("port", "allowed"), [(5432, True), (5433, False), (22, False)])
def test_an_entry_with_a_port_allows_no_other(port: int, *, allowed: bool) -> None:
    for target in (
        AllowedTarget(network="127.0.0.0/8", port=5432),
        AllowedTarget(host="localhost", port=5432),
    ):
        assert may_look_up("localhost", port, (target,)) is allowed
        assert may_connect("localhost", port, ip_address("127.0.0.1"), (target,)) is allowed


def test_an_address_that_a_look_up_gave_loses_its_zone_and_nonsense_is_none() -> None:
    assert parsed("fe80::1%eth0") == ip_address("fe80::1")
    assert parsed("nonsense") is None


@pytest.mark.parametrize(
    ("host", "stays"),
    [
        ("localhost", True),
        ("LocalHost.", True),
        ("127.0.0.1", True),
        ("127.255.0.9", True),
        ("::1", True),
        ("::ffff:127.0.0.1", True),
        ("10.0.0.1", False),
        ("::ffff:10.0.0.1", False),
        ("0.0.0.0", False),  # noqa: S104 - nothing is bound
        ("::", False),
        ("db.localhost", False),
        ("localhost.example", False),
        ("127.1", False),
        ("/run/postgresql", False),
        ("", False),
    ],
)
def test_only_what_surely_is_this_machine_is_taken_for_it(host: str, *, stays: bool) -> None:
    assert stays_here(host) is stays
