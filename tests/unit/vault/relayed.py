"""A session over TLS, as an executor has it, and the login that stays as its relay."""

from tests.harness.login_desk import Desk
from tests.harness.sessions import Session, take_handover
from tests.unit.vault.making import HANDLE
from wire.lending import Delivered, LoginDone, OpenSession, Target
from wire.packets import socket_pair


def opened(
    desk: Desk, target: Target, password: str, *, deadline_ms: int = 10_000
) -> tuple[LoginDone, Session]:
    """Return a session that was handed over and accepted."""
    ours, theirs = socket_pair()
    with ours, theirs:
        order = OpenSession(target=target, handle=HANDLE, deadline_ms=deadline_ms)
        desk.submit(order, password, theirs)
        done = desk.outcome()
        assert isinstance(done, LoginDone), done
        session = take_handover(ours)
    assert isinstance(session, Session)
    assert desk.outcome() == Delivered()
    return done, session
