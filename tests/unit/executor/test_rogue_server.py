from collections.abc import Iterator

import pytest

from tests.harness.waiting import until
from tests.unit.executor.standin_relay import Relay, RelayedLogin
from tests.unit.executor.standin_vault import Login, StandInVault
from tests.unit.executor.statement_bench import StatementBench, a_pool, fault, rows
from wire.lending import Returned

# Far above what the sockets of both ends may hold, far below what the relay would send.
HELD_MAX_BYTES = 32 << 20


@pytest.fixture
def relay(login: Login) -> Iterator[Relay]:
    with Relay(login) as made:
        yield made


@pytest.fixture
def vault(login: Login, relay: Relay) -> Iterator[StandInVault]:
    """A vault that lends sessions of the rogue server."""
    with StandInVault(RelayedLogin(login, relay)) as made:
        yield made


@pytest.mark.parametrize(
    "words",
    [b"'client_connection_check_interval'", b"pg_catalog.version()"],
    ids=["ours", "theirs"],
)
def test_a_server_that_floods_a_set_up_is_dropped(
    bench: StatementBench, vault: StandInVault, relay: Relay, words: bytes
) -> None:
    relay.floods_at = words

    answer = bench.ask("select 1", within_s=8)

    assert fault(answer)["code"] == "unavailable"
    assert vault.next_of(Returned).handles == tuple(vault.lent)
    until(lambda: relay.floods)
    assert relay.floods[0] < HELD_MAX_BYTES


def test_a_server_that_floods_a_reset_costs_its_connection_only(
    bench: StatementBench, vault: StandInVault, relay: Relay
) -> None:
    relay.floods_at = b"pg_catalog.setseed"
    bench.ask("select 1")

    answer = bench.ask("select 2 as n", within_s=8)

    assert rows(answer) == [{"n": 2}]
    assert len(vault.lent) == 2
    until(lambda: relay.floods)
    assert relay.floods[0] < HELD_MAX_BYTES


@pytest.mark.parametrize(
    "said",
    [
        '1}]},"isError":false},"id":777,"result":{"structuredContent":{"z":[{"q":1',
        '1}],"rows":[{"v":2',
        '{"a":1} ',
        '{"a":1}x',
        "NaN",
        "-Infinity",
        '"\\ud800"',
        '"\\ude00\\ud83d"',
        '"a',
        "[1,]",
        "1e400",
        "",
        "[" * 100_000,
    ],
)
def test_what_a_server_calls_json_is_one_value_or_it_is_text(
    bench: StatementBench, relay: Relay, said: str
) -> None:
    text, json = (b"\0\0\0%b\xff\xff\xff\xff\xff\xff\0\0" % bytes([oid]) for oid in (25, 114))
    bench.ask("select 1", pool=a_pool("read-only"))
    relay.changes = lambda heard: heard.replace(text, json)

    answer = bench.ask("select :said::text as v", pool=a_pool("read-only"), said=said)

    assert rows(answer) == [{"v": {"a": 1} if said == '{"a":1} ' else said}]
    assert list(answer) == ["success", "rows", "row_count", "columns"]


def test_json_that_is_not_utf8_is_a_fault_as_any_text_is(
    bench: StatementBench, relay: Relay
) -> None:
    bench.ask("select 1", pool=a_pool("read-only"))
    relay.changes = lambda heard: heard.replace(b'"marked"', b'"m\xffrked"')

    answer = bench.ask("select '\"marked\"'::json as v", pool=a_pool("read-only"))

    assert fault(answer)["code"] == "statement_failed"
