"""What is wrong with a target is found before its server is told a word."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from vault.login import sessions
from vault.login.carrier import Carrier
from vault.login.refusals import LoginRefusedError, Stage
from wire.lending import Target

MYSQL = Target(
    engine="mysql",
    host="127.0.0.1",
    port=3306,
    database="shop",
    user="änn",
    auth="caching_sha2_password",
)
POSTGRES = replace(MYSQL, engine="postgresql", auth="scram-sha-256")


@pytest.fixture
def carrier() -> Iterator[Carrier]:
    """One that has no connection, so that it could say nothing."""
    alive, watched = os.pipe()
    yield Carrier(deadline=time.monotonic() + 10, lifelines=(alive,))
    os.close(watched)
    os.close(alive)


def refused(target: Target, carrier: Carrier) -> LoginRefusedError:
    """Return why; fail unless the password is zeros afterwards."""
    password = bytearray(b":@/%' q9")
    with pytest.raises(LoginRefusedError) as failure:
        sessions.log_in(target, password, carrier)
    assert not any(password)
    return failure.value


def test_a_pinned_key_that_cannot_be_read_does_not_make_the_server_an_unreached_one(
    carrier: Carrier, tmp_path: Path
) -> None:
    failure = refused(replace(MYSQL, server_key=str(tmp_path / "no-such.pem")), carrier)

    assert '"server_public_key" cannot be read' in failure.sentence
    assert failure.stage is Stage.NEGOTIATE


@pytest.mark.parametrize(
    "target",
    [replace(MYSQL, auth=POSTGRES.auth), replace(POSTGRES, auth=MYSQL.auth)],
    ids=["mysql", "postgresql"],
)
def test_another_engines_login_does_not_make_the_server_an_unreached_one(
    carrier: Carrier, target: Target
) -> None:
    failure = refused(target, carrier)

    assert "another engine" in failure.sentence
    assert failure.stage is Stage.NEGOTIATE
