"""A process that behaves as a role does towards the supervisor, and writes down what it hears.

    python -P stand_in.py JOURNAL_DIR BEHAVIOUR…

Behaviours: `seals` (says Sealed first), `lacks=NAME` (with a missing variable), `crashes`, `deaf`
(does not end when told to finish), `mute` (never ready), `echoes` (copies its first descriptor to
its second, as a gateway on standard streams), `reports` (answers TellStatus), `babbles` (says
nonsense), `pretends` (answers TellStatus as the vault would), `ends=ROLE` (has the first peer of
that role that it hears of ended).
"""

import os
import signal
import sys
from pathlib import Path

from wire.child import Birth, EndedError, Heard, begin
from wire.control import (
    CONTROL_FD,
    Admitted,
    EndPeer,
    Finish,
    Pair,
    PeerJoined,
    PeerLeft,
    Ready,
    RouterReady,
    Sealed,
    Status,
    TellStatus,
)
from wire.status import (
    ExecutorRow,
    HealthRow,
    LeaseRow,
    LoginCounts,
    PoolRow,
    RequestCounts,
    RouterReport,
    UsageRow,
    VaultReport,
)
from wire.usage import Usage

KEY = b"k" * 40
VAULT = VaultReport(
    leases=(
        LeaseRow(
            id="abc",
            connection="main_db",
            principal="token:local",
            access="read-only",
            age_s=10.0,
            idle_s=1.0,
            expires_in_s=20.0,
        ),
    ),
    leases_total=1,
    loans=(),
    loans_total=0,
    pools=(PoolRow(connection="main_db", principal="token:local", access="read-only", lent=2),),
    pools_total=1,
    health=(HealthRow(connection="main_db", state="healthy", since_s=3.0, next_try_s=None),),
    logins=LoginCounts(running=1, waiting=2),
)
ROUTER = RouterReport(
    usages=(UsageRow(id="abc", usage=Usage(statements=7, rows=900, running=1)),),
    usages_total=1,
    requests=RequestCounts(running=1, for_slot=0, for_vault=0, at_vault=0),
    executors=(ExecutorRow(name="executor-1.0a", running=1, slots=8),),
)


def main() -> None:  # noqa: C901 - a list of behaviours
    journal, behaviours = Path(sys.argv[1]), sys.argv[2:]
    if "crashes" in behaviours:
        sys.exit(7)
    birth = begin()
    notes = (journal / birth.configure.incarnation).open("a", buffering=1, encoding="utf-8")
    fds = sorted(int(fd.name) for fd in Path("/proc/self/fd").iterdir())
    environment = ",".join(sorted(os.environ))
    print(f"born fds={fds} given={len(birth.descriptors)} environment={environment}", file=notes)
    if "seals" in behaviours:
        missing = tuple(b[6:] for b in behaviours if b.startswith("lacks="))
        birth.control.say(Sealed(missing=missing))
    if "babbles" in behaviours:
        os.write(CONTROL_FD, b"nonsense")
    if "mute" not in behaviours:
        birth.control.say(Ready(public_key=KEY))
    if "echoes" in behaviours:
        source, sink = birth.descriptors
        while data := os.read(source, 1000):
            os.write(sink, data)
        sys.exit(5)
    try:
        while True:
            heard = birth.control.hear()
            if heard is not None:
                print(described(heard), file=notes)
                react(birth, heard, behaviours)
    except EndedError:
        sys.exit(0)


def described(heard: Heard) -> str:
    match heard.message:
        case PeerJoined(role=role, incarnation=who) | PeerLeft(role=role, incarnation=who):
            return f"{type(heard.message).__name__} {role} {who}"
        case Pair(role=role, incarnation=who):
            return f"Pair {role} {who} {len(heard.descriptors)}"
        case RouterReady(endpoint=endpoint):
            return f"RouterReady {endpoint}"
        case _:
            return type(heard.message).__name__


def react(birth: Birth, heard: Heard, behaviours: list[str]) -> None:
    match heard.message:
        case Pair(role=role, incarnation=who) | PeerJoined(role=role, incarnation=who) if (
            f"ends={role}" in behaviours
        ):
            behaviours.remove(f"ends={role}")
            birth.control.say(EndPeer(incarnation=who))
        case Finish() if "deaf" not in behaviours:
            sys.exit(0)
        case PeerJoined(incarnation=peer):
            birth.control.say(Admitted(incarnation=peer))
        case TellStatus(ask=ask) if "reports" in behaviours:
            is_vault = birth.configure.incarnation.startswith("vault")
            birth.control.say(Status(ask=ask, report=VAULT if is_vault else ROUTER))
        case TellStatus(ask=ask) if "pretends" in behaviours:
            birth.control.say(Status(ask=ask, report=VAULT))
        case _:
            return


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    main()
