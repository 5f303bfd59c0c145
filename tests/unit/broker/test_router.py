"""The router as a process: who gets in, what is dropped, what a death means."""

import json
import os
from collections.abc import Iterator

import pytest

from tests.harness.router_alone import Peer, RouterAlone
from tests.unit.broker.making import (
    BOB,
    GATEWAY,
    LEASE,
    VAULT,
    A,
    B,
    a_connect,
    a_list,
    an_execute,
    granted,
)
from wire.codec import TO_EXECUTOR, TO_GATEWAY, TO_VAULT, encode
from wire.control import EndPeer
from wire.faults import FaultCode
from wire.messages import (
    Answer,
    Cancel,
    Failed,
    Hello,
    LeaseEnded,
    ListNamed,
    MintGrants,
    Ran,
    Run,
    Settled,
    Stop,
)
from wire.names import RequestId, Role
from wire.sockets import new_key_pair


@pytest.fixture
def router() -> Iterator[RouterAlone]:
    with RouterAlone() as running:
        yield running


@pytest.fixture
def vault(router: RouterAlone) -> Peer:
    return router.peer("vault", VAULT)


@pytest.fixture
def gateway(router: RouterAlone) -> Peer:
    return router.peer("gateway", GATEWAY)


@pytest.fixture
def executor(router: RouterAlone) -> Peer:
    return router.peer("executor", A)


def is_served(gateway: Peer, vault: Peer, name: str = "served") -> bool:
    """Return whether a request of the gateway's goes to the vault and back."""
    gateway.say(a_list(name))
    question = TO_VAULT.decode(vault.hear()[0])
    assert isinstance(question, ListNamed)
    vault.say(Settled(run_id=question.run_id), b"list")
    header, payload = gateway.hear()
    return (TO_GATEWAY.decode(header), payload) == (Answer(request_id=RequestId(name)), b"list")


def has_run(gateway: Peer, vault: Peer, executor: Peer, name: str = "1") -> Run:
    """Return the run of a request, whose lease the vault had to be asked for."""
    gateway.say(an_execute(name), b"arguments")
    question = TO_VAULT.decode(vault.hear()[0])
    assert isinstance(question, MintGrants)
    vault.say(granted(question.run_id, executor.incarnation))
    header, payload = executor.hear()
    run = TO_EXECUTOR.decode(header)
    assert isinstance(run, Run)
    assert payload == b"arguments"
    return run


def fault_of(gateway: Peer) -> FaultCode:
    failed = TO_GATEWAY.decode(gateway.hear()[0])
    assert isinstance(failed, Failed)
    return failed.fault.code


@pytest.mark.parametrize("size", [0, 1, 100, (64 << 10) - 1, 64 << 10, 3 << 20])
def test_a_result_passes_as_it_is(gateway: Peer, vault: Peer, executor: Peer, size: int) -> None:
    run, result = has_run(gateway, vault, executor), os.urandom(size)

    executor.say(Ran(run_id=run.run_id), result)

    header, payload = gateway.hear()
    assert TO_GATEWAY.decode(header) == Answer(request_id=RequestId("1"))
    assert payload == result


def test_a_cancelled_request_is_stopped(gateway: Peer, vault: Peer, executor: Peer) -> None:
    run = has_run(gateway, vault, executor)

    gateway.say(Cancel(request_id=RequestId("1")))

    assert TO_EXECUTOR.decode(executor.hear()[0]) == Stop(run_id=run.run_id)


def test_the_end_of_a_lease_stops_its_runs(gateway: Peer, vault: Peer, executor: Peer) -> None:
    run = has_run(gateway, vault, executor)

    vault.say(LeaseEnded(connection_id=LEASE))

    assert TO_EXECUTOR.decode(executor.hear()[0]) == Stop(run_id=run.run_id)


@pytest.mark.parametrize("role", ["gateway", "executor", "vault"])
def test_a_stranger_s_key_gets_nothing(
    router: RouterAlone, gateway: Peer, vault: Peer, role: Role
) -> None:
    stranger = router.socket(role, GATEWAY, new_key_pair())
    stranger.say(Hello())
    stranger.say(a_list())

    assert stranger.hears_nothing()
    assert is_served(gateway, vault)


def test_the_key_of_another_role_gets_nothing(
    router: RouterAlone, gateway: Peer, vault: Peer
) -> None:
    keys = new_key_pair()
    router.admit("executor", A, keys.public)
    stranger = router.socket("gateway", A, keys)
    stranger.say(Hello())
    stranger.say(a_list())

    assert stranger.hears_nothing()
    assert is_served(gateway, vault)


def test_the_right_key_with_another_s_name_gets_nothing(
    router: RouterAlone, gateway: Peer, vault: Peer
) -> None:
    keys = new_key_pair()
    router.admit("executor", B, keys.public)
    impostor = router.socket("executor", A, keys)
    impostor.say(Hello(slots=100))

    gateway.say(an_execute())
    question = TO_VAULT.decode(vault.hear()[0])

    assert isinstance(question, MintGrants)
    assert question.executors == ()
    assert impostor.hears_nothing()


def test_a_key_is_worth_nothing_after_its_process_has_left(
    router: RouterAlone, gateway: Peer, vault: Peer
) -> None:
    keys = new_key_pair()
    router.admit("gateway", B, keys.public)
    ghost = router.socket("gateway", B, keys)
    ghost.say(Hello())
    ghost.say(a_list())
    vault.hear()
    router.leave("gateway", ghost)
    assert is_served(gateway, vault)

    ghost.say(a_list("2"))
    again = router.socket("gateway", B, keys)
    again.say(Hello())
    again.say(a_list("3"))

    assert again.hears_nothing()
    assert is_served(gateway, vault, "afterwards")


def test_a_router_with_another_key_is_not_spoken_to(router: RouterAlone) -> None:
    keys = new_key_pair()
    router.admit("gateway", B, keys.public)
    careful = router.socket("gateway", B, keys, server_key=new_key_pair().public)
    careful.say(Hello())

    assert careful.hears_nothing()


@pytest.mark.parametrize(
    "frames",
    [
        pytest.param((b"",), id="one empty frame"),
        pytest.param((encode(a_list()),), id="one frame"),
        pytest.param((encode(a_list()), b"", b""), id="three frames"),
        pytest.param((b"nonsense", b""), id="no message"),
        pytest.param((b"\x81\xa4type\xa2\xff\xfe", b""), id="a tag that is not UTF-8"),
        pytest.param((b"\x91" * 100_000, b""), id="deeply nested"),
        pytest.param((bytes(2 << 20), b""), id="too large"),
        pytest.param((encode(LeaseEnded(connection_id=LEASE)), b""), id="a vault's message"),
    ],
)
def test_what_is_no_message_is_dropped_and_the_next_one_works(
    gateway: Peer, vault: Peer, frames: tuple[bytes, ...]
) -> None:
    assert is_served(gateway, vault, "before")

    gateway.say_frames(*frames)

    assert is_served(gateway, vault, "after")


@pytest.mark.parametrize(
    ("frames", "event"),
    [((b"nonsense", b"payload"), "malformed_message"), ((b"nonsense",), "message_dropped")],
)
def test_what_is_dropped_is_logged_by_its_sender_and_size_and_not_quoted(
    capfd: pytest.CaptureFixture[str], frames: tuple[bytes, ...], event: str
) -> None:
    # Not the fixture's router: what is started in a fixture writes where capfd does not read.
    with RouterAlone() as router:
        gateway, vault = router.peer("gateway", GATEWAY), router.peer("vault", VAULT)
        gateway.say_frames(*frames)
        assert is_served(gateway, vault)

    said = capfd.readouterr().err
    (dropped,) = [line for line in map(json.loads, said.splitlines()) if line["event"] == event]
    assert (dropped["sender"], dropped["size_bytes"]) == (GATEWAY, len(b"nonsense"))
    assert "nonsense" not in said


def test_what_is_said_before_a_greeting_was_meant_for_another_router(
    router: RouterAlone, gateway: Peer, vault: Peer
) -> None:
    keys = new_key_pair()
    router.admit("gateway", B, keys.public)
    late = router.socket("gateway", B, keys)

    late.say(a_list("too early"))
    late.say(Hello())

    assert is_served(late, vault, "greeted")
    assert is_served(gateway, vault)


def test_an_executor_that_dies_is_answered_for(
    router: RouterAlone, gateway: Peer, vault: Peer, executor: Peer
) -> None:
    has_run(gateway, vault, executor)

    router.leave("executor", executor)

    assert fault_of(gateway) is FaultCode.EXECUTOR_LOST


def test_an_executor_that_is_overdue_is_ended(
    router: RouterAlone, gateway: Peer, vault: Peer, executor: Peer
) -> None:
    gateway.say(an_execute(deadline_ms=100))
    question = TO_VAULT.decode(vault.hear()[0])
    assert isinstance(question, MintGrants)
    vault.say(granted(question.run_id, A))

    assert router.child.hear(EndPeer).incarnation == executor.incarnation


def test_a_request_that_nobody_answers_fails_by_its_deadline(gateway: Peer, vault: Peer) -> None:
    gateway.say(an_execute(deadline_ms=100))

    assert fault_of(gateway) is FaultCode.UNAVAILABLE
    assert vault.incarnation == VAULT


def test_the_next_router_has_the_same_key_and_knows_nobody(router: RouterAlone) -> None:
    before = router.public_key

    router.restart()

    assert router.public_key == before
    assert is_served(router.peer("gateway", GATEWAY), router.peer("vault", VAULT))


def test_the_router_ends_when_it_is_told_to(router: RouterAlone) -> None:
    assert router.child.finish() == 0


def test_the_router_ends_with_the_supervisor(router: RouterAlone) -> None:
    router.child.leave_alone()

    assert router.child.wait() == 0


def test_a_gateway_cannot_ask_as_anybody_but_its_own_principal(gateway: Peer, vault: Peer) -> None:
    gateway.say(a_connect("stolen", principal=BOB))

    # The vault is asked for the next request only: the stolen name went nowhere.
    assert is_served(gateway, vault)
