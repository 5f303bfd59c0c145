"""docs/protocol.md lists every message: who says it to whom, and what travels with it."""

import inspect
import re
from typing import Final

import pytest

import wire
from tests.contract.markdown import document, table, ticked
from tests.unit.wire.examples import EXAMPLES, MESSAGES

PAGE: Final = document("docs/protocol.md")
ROWS: Final = table(PAGE, "message", "from", "to", "descriptors or payload")

# By decoder: who says it, who hears it.
LINKS: Final = {
    "FROM_GATEWAY": ("gateway", "router"),
    "TO_GATEWAY": ("router", "gateway"),
    "FROM_EXECUTOR": ("executor", "router"),
    "TO_EXECUTOR": ("router", "executor"),
    "FROM_VAULT": ("vault", "router"),
    "TO_VAULT": ("router", "vault"),
    "FROM_BORROWER": ("executor", "vault"),
    "TO_BORROWER": ("vault", "executor"),
    "HANDOVER": ("login", "executor"),
    "ACCEPTED": ("executor", "login"),
    "LOGIN_JOB": ("vault", "login"),
    "LOGIN_OUTCOME": ("login", "vault"),
    "PROCEED": ("vault", "login"),
    "SPARE": ("login server", "vault"),
    "TAKEN": ("vault", "login server"),
    "FROM_CHILD": (None, "supervisor"),
    "TO_CHILD": ("supervisor", None),
    "FROM_CONSOLE": ("console", "supervisor"),
    "TO_CONSOLE": ("supervisor", "console"),
}
"""None is some child: which, the page says, and the supervisor enforces."""

CHILDREN: Final = {"any child", "gateway", "router", "vault", "login server", "executor"}
# Its docstring says why: the vault refuses on the same socket.
BESIDE: Final = {("NotHandedOver", "vault", "executor")}


def row(name: str) -> list[str]:
    (found,) = [cells for cells in ROWS if ticked(cells[0]) == [name]]
    return found


def names_in(cell: str) -> set[str]:
    return set(cell.split(", "))


def ways(name: str) -> set[tuple[str, str]]:
    """Return each sender and hearer that the page gives for a message."""
    _, senders, hearers, _ = row(name)
    return {(one, other) for one in names_in(senders) for other in names_in(hearers)}


def test_the_page_has_every_message_once_and_no_other() -> None:
    assert sorted(ticked(cells[0]) for cells in ROWS) == sorted([name] for name in MESSAGES)


def test_every_decoder_is_a_link_of_its_own() -> None:
    assert set(LINKS) == set(EXAMPLES)


@pytest.mark.parametrize("name", sorted(MESSAGES))
def test_a_message_goes_the_ways_that_its_decoders_have(name: str) -> None:
    decoders = [one for one, its in EXAMPLES.items() if any(type(m).__name__ == name for m in its)]
    allowed = {(one, other) for which, one, other in BESIDE if which == name}
    for decoder in decoders:
        sender, hearer = LINKS[decoder]
        allowed |= {
            (one, other)
            for one in ({sender} if sender else CHILDREN)
            for other in ({hearer} if hearer else CHILDREN)
        }

    assert ways(name) <= allowed
    for decoder in decoders:
        sender, hearer = LINKS[decoder]
        assert any(sender in (one, None) and hearer in (other, None) for one, other in ways(name))


@pytest.mark.parametrize("name", sorted(MESSAGES))
def test_a_message_has_the_payload_and_descriptors_that_its_docstring_has(name: str) -> None:
    source = " ".join(inspect.getsource(type(MESSAGES[name])).split())
    travels = row(name)[3]

    assert ("payload" in source) == ("payload" in travels)
    assert ("the password follows" in source.lower()) == ("the password follows" in travels)
    number = re.compile(r"\b(one|two) descriptors?\b")
    assert number.findall(source) == number.findall(travels)
    assert ("by role" in source) == ("by role" in travels)


def test_the_page_names_the_version_that_the_code_has() -> None:
    assert re.findall(r"^Protocol version: (\d+) ", PAGE, re.MULTILINE) == [
        str(wire.PROTOCOL_VERSION)
    ]
