"""Who starts when, and who hears of whom."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from supervisor.plan import Command, Join, Roster, Tell, start_plan
from wire.control import PeerJoined, PeerLeft, RouterLost, RouterReady, VaultReady
from wire.names import Incarnation, Role

ENDPOINTS: dict[Role, str] = {
    "gateway": "ipc://g",
    "executor": "ipc://e",
    "file-executor": "ipc://f",
    "vault": "ipc://v",
}
ROLES: list[Role] = [
    "router",
    "gateway",
    "executor",
    "file-executor",
    "vault",
    "login-server",
    "demo",
]


def who(name: str) -> Incarnation:
    return Incarnation(name)


def a_roster(*ready: tuple[str, Role]) -> Roster:
    roster = Roster(ENDPOINTS)
    for name, role in ready:
        roster.spawned(who(name), role)
        roster.ready(who(name), name.encode())
    return roster


def joined(name: str, role: Role) -> PeerJoined:
    return PeerJoined(role=role, incarnation=who(name), public_key=name.encode())


def test_the_vault_and_its_login_server_come_first_and_as_one_unit() -> None:
    first, second = start_plan(executors=2, gateways=1, demo=False)

    assert [[member.role for member in unit] for unit in first] == [["login-server", "vault"]]
    assert [unit[0].name for unit in second] == [
        "router-1",
        "gateway-1",
        "executor-1",
        "executor-2",
    ]


@pytest.mark.parametrize(("executors", "expected"), [(1, 1), (2, 2), (8, 2)])
def test_file_executors_start_where_there_are_files(executors: int, expected: int) -> None:
    _, second = start_plan(executors=executors, gateways=1, demo=False, has_files=True)

    names = [unit[0].name for unit in second if unit[0].role == "file-executor"]
    assert names == [f"file-executor-{number}" for number in range(1, expected + 1)]


def test_a_file_executor_is_the_routers_business_alone() -> None:
    roster = a_roster(("v", "vault"), ("r", "router"))
    roster.spawned(who("f"), "file-executor")

    assert roster.ready(who("f"), b"f") == [Tell(who("r"), joined("f", "file-executor"))]
    assert roster.gone(who("f")) == [
        Tell(who("r"), PeerLeft(role="file-executor", incarnation=who("f")))
    ]


def test_a_demo_database_starts_with_the_vault() -> None:
    first, _ = start_plan(executors=1, gateways=0, demo=True)

    assert [unit[0].role for unit in first] == ["demo", "login-server"]


def test_vault_and_login_server_are_joined_when_both_are_born() -> None:
    roster = Roster(ENDPOINTS)

    assert roster.spawned(who("l"), "login-server") == []
    assert roster.spawned(who("v"), "vault") == [Join(who("v"), who("l"))]


def test_a_new_router_is_told_every_key_and_nobody_is_sent_to_it_yet() -> None:
    roster = a_roster(("v", "vault"), ("g", "gateway"), ("e", "executor"))
    roster.spawned(who("r"), "router")

    said = roster.ready(who("r"), b"key")

    assert said == [
        Tell(who("r"), joined("v", "vault")),
        Tell(who("r"), joined("g", "gateway")),
        Tell(who("r"), joined("e", "executor")),
    ]


def test_a_peer_is_sent_to_the_router_that_has_admitted_it() -> None:
    roster = a_roster(("g", "gateway"), ("e", "executor"), ("r", "router"))

    assert roster.admitted(who("e")) == [
        Tell(who("e"), RouterReady(endpoint="ipc://e", public_key=b"r"))
    ]


def test_a_gateway_learns_the_vaults_sealing_key_whichever_is_there_first() -> None:
    told = Tell(who("g"), VaultReady(sealing_key=b"sealing"))
    late, early = a_roster(("g", "gateway"), ("e", "executor")), Roster(ENDPOINTS)
    late.spawned(who("v"), "vault")
    early.spawned(who("v"), "vault")
    early.spawned(who("g"), "gateway")

    assert told in late.ready(who("v"), b"v", b"sealing")
    assert told not in early.ready(who("v"), b"v", b"sealing")
    assert told in early.ready(who("g"), b"g")


@pytest.mark.parametrize("role", ["router", "executor", "gateway", "login-server"])
def test_nobody_but_the_vault_names_a_key_to_seal_to(role: Role) -> None:
    roster = Roster(ENDPOINTS)
    roster.spawned(who("v"), "vault")
    roster.ready(who("v"), b"v", b"sealing")
    roster.spawned(who("liar"), role)
    roster.ready(who("liar"), b"liar", b"another key")
    roster.spawned(who("g"), "gateway")

    said = roster.ready(who("g"), b"g")

    keys = [one.message for one in said if isinstance(one, Tell)]
    assert [one for one in keys if isinstance(one, VaultReady)] == [
        VaultReady(sealing_key=b"sealing")
    ]


def test_one_that_is_gone_or_no_peer_of_the_router_is_sent_nowhere() -> None:
    roster = a_roster(("d", "demo"), ("e", "executor"), ("r", "router"))
    roster.gone(who("e"))

    assert roster.admitted(who("e")) == []
    assert roster.admitted(who("d")) == []
    assert roster.admitted(who("nobody")) == []


def test_a_new_executor_meets_the_router_and_the_vault() -> None:
    roster = a_roster(("v", "vault"), ("r", "router"))
    roster.spawned(who("e"), "executor")

    assert roster.ready(who("e"), b"e") == [
        Tell(who("r"), joined("e", "executor")),
        Join(who("v"), who("e")),
    ]


def test_a_new_vault_is_joined_with_every_executor() -> None:
    roster = a_roster(("e1", "executor"), ("e2", "executor"))
    roster.spawned(who("v"), "vault")

    assert roster.ready(who("v"), b"v") == [
        Join(who("v"), who("e1")),
        Join(who("v"), who("e2")),
    ]


def test_the_death_of_an_executor_is_told_to_router_and_vault() -> None:
    roster = a_roster(("v", "vault"), ("r", "router"), ("e", "executor"))
    left = PeerLeft(role="executor", incarnation=who("e"))

    assert roster.gone(who("e")) == [Tell(who("v"), left), Tell(who("r"), left)]


def test_the_death_of_the_router_is_told_to_all_its_peers() -> None:
    roster = a_roster(("v", "vault"), ("g", "gateway"), ("e", "executor"), ("r", "router"))

    assert roster.gone(who("r")) == [
        Tell(who("v"), RouterLost()),
        Tell(who("g"), RouterLost()),
        Tell(who("e"), RouterLost()),
    ]


def test_nobody_hears_of_the_death_of_one_that_was_never_ready() -> None:
    roster = a_roster(("r", "router"))
    roster.spawned(who("g"), "gateway")

    assert roster.gone(who("g")) == []


@given(
    st.lists(st.tuples(st.sampled_from(["spawn", "ready", "admit", "gone"]), st.integers(0, 7))),
    st.data(),
)
def test_whatever_happens_nothing_is_said_to_the_dead_and_no_peer_is_unknown_to_the_router(
    steps: list[tuple[str, int]], data: st.DataObject
) -> None:
    roster, alive, ready = Roster(ENDPOINTS), dict[Incarnation, Role](), set[Incarnation]()
    known: dict[Incarnation, set[Incarnation]] = {}
    born = 0

    for step, number in steps:
        said: list[Command] = []
        pick = sorted(alive)[number % len(alive)] if alive else None
        if step == "spawn":
            born += 1
            role = data.draw(st.sampled_from(ROLES))
            if role in {"router", "vault", "login-server"} and role in alive.values():
                continue
            alive[who(f"p{born}")] = role
            said = roster.spawned(who(f"p{born}"), role)
        elif step == "ready" and pick is not None and pick not in ready:
            ready.add(pick)
            said = roster.ready(pick, b"k")
        elif step == "admit" and pick is not None:
            if any(pick in peers for router, peers in known.items() if router in ready):
                said = roster.admitted(pick)
        elif step == "gone" and pick is not None:
            del alive[pick]
            ready.discard(pick)
            said = roster.gone(pick)
        check(said, alive, known)


def check(
    said: list[Command], alive: dict[Incarnation, Role], known: dict[Incarnation, set[Incarnation]]
) -> None:
    for command in said:
        match command:
            case Join(one, other):
                assert {alive[one], alive[other]} & {"vault"}
            case Tell(to, PeerJoined(incarnation=peer)):
                assert alive[to] == "router"
                known.setdefault(to, set()).add(peer)
            case Tell(to, RouterReady()):
                routers = [one for one, role in alive.items() if role == "router"]
                assert to in known[routers[0]]
            case Tell(to):
                assert to in alive
