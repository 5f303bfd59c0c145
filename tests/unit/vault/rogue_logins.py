"""A login of ours at a rogue, and what the rogue may have heard of the password."""

import base64
import hashlib
import time
from collections.abc import Callable, Generator
from typing import Final, TypeAlias

from tests.harness.certificates import Certificates
from tests.harness.logins import NONCE, PASSWORD
from tests.harness.rogue import Rogue, RogueServer
from vault.login import mysql, mysql_authentication, postgres
from vault.login.carrier import Carrier
from vault.login.postgres_authentication import Terms
from vault.login.refusals import LoginRefusedError, Stage
from vault.login.steps import LoggedIn, Step
from wire.lending import Tls

DEADLINE_S: Final = 10.0

OTHER_PASSWORD: Final = b"one of another length"
TLS_HANDSHAKE: Final = b"\x16"
"""How a record begins that holds a part of a handshake (RFC 8446, section 5.1)."""

Login: TypeAlias = Generator[Step, bytes, LoggedIn]
Machine: TypeAlias = Callable[[Rogue, bytearray], Login]


def postgres_login(rogue: Rogue, password: bytearray) -> Login:
    """Return a login as most connections have it."""
    terms = Terms(
        minimum="scram-sha-256",
        starts_tls=rogue.starts_tls,
        is_verified=rogue.starts_tls,
        channel_binding=rogue.channel_binding,
    )
    target = postgres.PostgresTarget(user="ann", database="shop", application_name="strongroom")
    return postgres.log_in(target, password, nonce=NONCE, terms=terms)


def mysql_login(rogue: Rogue, password: bytearray) -> Login:
    """Return a login as most connections have it."""
    terms = mysql_authentication.Terms(
        minimum="caching_sha2_password",
        starts_tls=rogue.starts_tls,
        is_verified=rogue.starts_tls,
        server_key=None,
    )
    return mysql.log_in(mysql.MysqlTarget(user="ann", database="shop"), password, terms=terms)


def logged_in(
    server: RogueServer,
    machine: Machine,
    certificates: Certificates,
    *,
    password: bytes = PASSWORD,
    deadline_s: float = DEADLINE_S,
) -> LoggedIn:
    """Log in at *server*, by a socket and perhaps by TLS, and leave."""
    carrier = Carrier(
        deadline=time.monotonic() + deadline_s,
        lifelines=(),
        tls=Tls(mode="verify-full", roots=str(certificates.roots)),
    )
    try:
        carrier.connect(server.host, server.port)
        return carrier.drive(machine(server.rogue, bytearray(password)), Stage.NEGOTIATE)
    finally:
        if carrier.socket is not None:
            carrier.socket.close()
        server.wait_until_left()


def refusal(
    rogue: Rogue,
    machine: Machine,
    certificates: Certificates,
    *,
    password: bytes = PASSWORD,
    deadline_s: float = DEADLINE_S,
) -> tuple[LoginRefusedError, bytes]:
    """Return why a login at *rogue* failed, and what that heard of us."""
    with RogueServer(rogue, certificates) as server:
        try:
            logged_in(server, machine, certificates, password=password, deadline_s=deadline_s)
        except LoginRefusedError as error:
            (conversation,) = server.conversations
            assert conversation.hello[:1] in (b"", TLS_HANDSHAKE)
            return error, server.heard
    raise AssertionError("it was let in")


def tells_the_password(heard: bytes) -> bool:
    """Tell whether the password itself is in there, or what is as good as it."""
    digests = [hashlib.new(name, PASSWORD).digest() for name in ("md5", "sha1", "sha256", "sha512")]
    forms = [PASSWORD, PASSWORD[::-1], *digests, *(one.hex().encode() for one in digests)]
    forms += [base64.b64encode(one).rstrip(b"=") for one in (PASSWORD, *digests)]
    return any(form in heard for form in forms)
