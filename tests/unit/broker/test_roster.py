"""A key, in one role, under one identity."""

from broker.roster import Roster, peer_role
from tests.unit.broker.making import A, B
from wire.sockets import new_key_pair

KEY = new_key_pair().public


def test_a_key_may_connect_from_its_joining_to_its_leaving() -> None:
    roster = Roster()
    assert not roster.callback("executor", KEY)

    roster.join(A, KEY)
    assert roster.callback("executor", KEY)

    roster.leave(A)
    assert not roster.callback("executor", KEY)


def test_a_key_holds_its_own_identity_and_no_other() -> None:
    roster = Roster()
    roster.join(A, KEY)
    roster.join(B, new_key_pair().public)

    assert roster.holds(A.encode(), KEY.decode())
    assert not roster.holds(B.encode(), KEY.decode())
    assert not roster.holds(b"\xff\xfe", KEY.decode())
    assert not roster.holds(A.encode(), "")


def test_a_key_names_its_process() -> None:
    roster = Roster()
    roster.join(A, KEY)

    assert roster.name_of(KEY.decode()) == A
    assert roster.name_of(new_key_pair().public.decode()) is None


def test_a_key_is_forgotten_when_its_process_leaves() -> None:
    roster = Roster()
    roster.join(A, KEY)
    roster.leave(A)

    assert not roster.holds(A.encode(), KEY.decode())


def test_only_gateways_executors_and_the_vault_connect_to_the_router() -> None:
    assert [peer_role(role) for role in ("gateway", "executor", "vault")] == [
        "gateway",
        "executor",
        "vault",
    ]
    assert {peer_role(role) for role in ("supervisor", "router", "login-server", "demo")} == {None}
