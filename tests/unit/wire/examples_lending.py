"""One example of each message around a login, every field set."""

from typing import Final

from msgspec import Struct

from wire.faults import Fault, FaultCode
from wire.lending import (
    Accepted,
    AllowedTarget,
    Borrow,
    CancelStatement,
    Delivered,
    Dispose,
    Disposed,
    EndSession,
    HandedOver,
    Holding,
    Interrupt,
    LoginDone,
    LoginFailed,
    NotHandedOver,
    OpenSession,
    PostgresSession,
    Proceed,
    Returned,
    Spare,
    Taken,
    Target,
    Tls,
    TryLogin,
    Withdrawn,
)
from wire.names import ConnectionName, Handle, PoolKey, Principal

POOL: Final = PoolKey(Principal("token:ädmin"), ConnectionName("main"), "read-only")
_HANDLE: Final = Handle("0123456789abcdef0123456789abcdef")
FAULT: Final = Fault(
    code=FaultCode.STATEMENT_FAILED,
    message="no such table",
    sqlstate="42P01",
    hint="look",
    position=15,
    may_have_run=False,
)
TARGET: Final = Target(
    engine="postgresql",
    host="db.example",
    port=5432,
    database="main",
    user="jürgen",
    auth="md5",
    tls=Tls(
        mode="verify-ca",
        roots="/etc/ca.pem",
        certificate="/etc/client.pem",
        key="/etc/client.key",
        is_direct=True,
    ),
    channel_binding="require",
    server_key="/etc/server.pem",
    address="192.0.2.1",
    allowed=(
        AllowedTarget(host="db.example", port=5432),
        AllowedTarget(network="10.0.0.0/8"),
    ),
)
FROM_BORROWER: Final = (
    Borrow(grant=b"\x00grant\xff", number=7, deadline_ms=15_000),
    Withdrawn(number=7),
    Returned(handles=(_HANDLE,)),
    Interrupt(handle=_HANDLE),
    Holding(handles=(_HANDLE,)),
    Disposed(pool=POOL),
)
TO_BORROWER: Final = (Dispose(pool=POOL),)
HANDOVER: Final = (
    HandedOver(
        handle=_HANDLE,
        session=PostgresSession(backend_id=4711, parameters=((b"server_version", b"18.6"),)),
    ),
    NotHandedOver(fault=FAULT),
)
ACCEPTED: Final = (Accepted(),)
LOGIN_JOB: Final = (
    OpenSession(target=TARGET, handle=_HANDLE, deadline_ms=15_000),
    TryLogin(target=TARGET, deadline_ms=15_000),
    CancelStatement(target=TARGET, backend_id=4711, cancel_key=b"\x00key", deadline_ms=5_000),
    EndSession(target=TARGET, backend_id=4711, deadline_ms=5_000),
)
LOGIN_OUTCOME: Final = (
    LoginDone(backend_id=4711, cancel_key=b"\x00key", address="192.0.2.1"),
    LoginFailed(stage="try", sentence="No.", sqlstate="28000", errno=1045, blames_credential=True),
    Delivered(),
)
PROCEED: Final = (Proceed(),)
SPARE: Final = (Spare(),)
TAKEN: Final = (Taken(),)

LENDING: Final[dict[str, tuple[Struct, ...]]] = {
    "FROM_BORROWER": FROM_BORROWER,
    "TO_BORROWER": TO_BORROWER,
    "HANDOVER": HANDOVER,
    "ACCEPTED": ACCEPTED,
    "LOGIN_JOB": LOGIN_JOB,
    "LOGIN_OUTCOME": LOGIN_OUTCOME,
    "PROCEED": PROCEED,
    "SPARE": SPARE,
    "TAKEN": TAKEN,
}
"""By the name of the decoder in wire/codec.py."""
