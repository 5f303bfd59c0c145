"""A login to MySQL or MariaDB, byte by byte."""

import struct

import pytest

from tests.unit.vault.mysql_scripts import (
    ALL_FLAGS,
    CACHING,
    ED25519,
    ENCRYPTED,
    FAST,
    FULL,
    LONG_SALT,
    NATIVE,
    OK,
    OTHER_SALT,
    OUR_FLAGS,
    PASSWORD,
    PLAIN,
    SALT,
    SHA256,
    TLS_FLAG,
    Raw,
    Script,
    a_login,
    carried,
    error,
    greeting,
    heard_of,
    packet,
    refused,
    switch,
)
from vault.login import mysql, mysql_ed25519, mysql_scrambles
from vault.login.mysql_authentication import Terms
from vault.login.mysql_greeting import CAPABILITIES
from vault.login.refusals import LoginRefusedError, Stage
from vault.login.steps import LoggedIn, Send, Step
from wire.destination import PASSWORD_MAX_BYTES
from wire.lending import MysqlSession

STRICT = Terms(
    minimum="caching_sha2_password", starts_tls=False, is_verified=False, server_key=None
)


def native(salt: bytes) -> bytes:
    return mysql_scrambles.native(bytearray(PASSWORD), salt)


def caching_sha2(salt: bytes) -> bytes:
    return mysql_scrambles.caching_sha2(bytearray(PASSWORD), salt)


def response(plugin: bytes, proof: bytes, *, flags: int = OUR_FLAGS) -> bytes:
    head = struct.pack("<IIB23x", flags, 1 << 30, 45)
    proved = bytes([len(proof)]) + proof
    return head + "änn".encode() + b"\0" + proved + b"shop\0" + plugin + b"\0"


def test_a_login_returns_the_session_and_reads_not_one_byte_more() -> None:
    last = packet(3, b"\0\xfc\x01\x02\xfd\x01\x02\x03\x02\x40\0\0hello") + b"what a driver reads"
    script = Script([greeting(version=b"5.5.5-10.11.19-MariaDB"), FAST, Raw(last)])

    logged_in = carried(a_login(PLAIN), script)

    assert logged_in == LoggedIn(
        session=MysqlSession(
            backend_id=4711,
            version=b"5.5.5-10.11.19-MariaDB",
            capabilities=OUR_FLAGS,
            charset=45,
            status=0x4002,
        )
    )
    assert script.left() == b"what a driver reads"


def test_the_flags_are_the_same_for_every_session_and_have_none_that_a_driver_must_not_use() -> (
    None
):
    local_files, multi_statements, compress, deprecate_eof, session_track, attributes = (
        1 << 7,
        1 << 16,
        1 << 5,
        1 << 24,
        1 << 23,
        1 << 20,
    )
    unwanted = local_files | multi_statements | compress | deprecate_eof | session_track

    needed_only = greeting(flags=OUR_FLAGS)
    session = carried(a_login(PLAIN), Script([needed_only, FAST, OK])).session

    assert isinstance(session, MysqlSession)
    assert session.capabilities == int(CAPABILITIES) == OUR_FLAGS
    assert not OUR_FLAGS & (unwanted | attributes | TLS_FLAG)


def test_the_response_answers_the_plugin_of_the_greeting_if_that_may_be() -> None:
    heard = heard_of([greeting(NATIVE), OK], PLAIN)

    assert heard == [response(NATIVE, native(SALT))]


def test_mariadbs_own_flags_in_the_greeting_are_not_answered() -> None:
    flags = ALL_FLAGS & ~1  # without LONG_PASSWORD, as MariaDB shows that it is none of MySQL's
    its_own = bytes(6) + b"\x1d\0\0\0"

    heard = heard_of([greeting(NATIVE, flags=flags, reserved=its_own), OK], PLAIN)

    assert heard == [response(NATIVE, native(SALT))]


def test_a_plugin_that_may_not_be_is_answered_by_a_better_ones_name_and_nothing() -> None:
    heard = heard_of([greeting(NATIVE), switch(ED25519), OK], STRICT)

    signature = mysql_ed25519.sign(bytearray(PASSWORD), LONG_SALT)
    assert heard == [response(CACHING, b""), signature]


@pytest.mark.parametrize("end", [b"", b"\0"], ids=["as it is", "ended by a NUL"])
def test_after_a_switch_the_new_salt_counts(end: bytes) -> None:
    heard = heard_of([greeting(CACHING), switch(NATIVE, OTHER_SALT + end), OK], PLAIN)

    assert heard == [response(CACHING, caching_sha2(SALT)), native(OTHER_SALT)]


def test_a_salt_that_itself_ends_in_a_nul_keeps_it() -> None:
    salt = bytes(range(31, -1, -1))

    heard = heard_of([greeting(NATIVE), switch(ED25519, salt), OK], STRICT)

    assert heard[1] == mysql_ed25519.sign(bytearray(PASSWORD), salt)


def test_a_server_that_knows_the_scramble_is_never_sent_the_password() -> None:
    heard = heard_of([greeting(), FAST, OK], ENCRYPTED)

    assert heard[1:] == [response(CACHING, caching_sha2(SALT), flags=OUR_FLAGS | TLS_FLAG)]


def test_tls_begins_after_a_request_that_names_nobody_and_the_numbers_go_on() -> None:
    script = Script([greeting(), FAST, OK])

    carried(a_login(ENCRYPTED), script)

    assert script.heard_before_tls == 1
    request = struct.pack("<IIB23x", OUR_FLAGS | TLS_FLAG, 1 << 30, 45)
    assert script.heard[0] == packet(1, request)
    assert script.heard[1][3] == 2


def test_a_server_that_does_not_know_the_scramble_gets_the_password_inside_verified_tls() -> None:
    script = Script([greeting(), FULL, OK])

    carried(a_login(ENCRYPTED), script)

    assert script.heard[2:] == [packet(4, PASSWORD + b"\0")]


def test_sha256_gets_the_password_inside_verified_tls_after_a_switch() -> None:
    heard = heard_of([greeting(SHA256), switch(SHA256), OK], ENCRYPTED)

    assert heard[1:] == [
        response(CACHING, b"", flags=OUR_FLAGS | TLS_FLAG),
        PASSWORD + b"\0",
    ]


@pytest.mark.parametrize(
    "target",
    [
        pytest.param(mysql.MysqlTarget(user="", database="d"), id="no user"),
        pytest.param(mysql.MysqlTarget(user="u", database=""), id="no database"),
        pytest.param(mysql.MysqlTarget(user="ann\0root", database="d"), id="NUL"),
        pytest.param(mysql.MysqlTarget(user="u", database="d\0x"), id="NUL in the database"),
        pytest.param(mysql.MysqlTarget(user="u", database="\ud800"), id="no text"),
        pytest.param(mysql.MysqlTarget(user="ü" * 257, database="d"), id="long"),
    ],
)
def test_a_name_that_could_mean_something_else_is_never_sent(target: mysql.MysqlTarget) -> None:
    password, script = bytearray(PASSWORD), Script([greeting(), FAST, OK])

    with pytest.raises(LoginRefusedError) as failure:
        carried(mysql.log_in(target, password, terms=PLAIN), script)

    assert failure.value.stage is Stage.NEGOTIATE
    assert script.heard == []
    assert not any(password)


@pytest.mark.parametrize("password", [b"", b"x" * 10_001], ids=["none", "ten thousand and one"])
def test_a_password_that_no_server_could_have_is_not_tried(password: bytes) -> None:
    failure, script = refused([greeting(), FAST, OK], PLAIN, password)

    assert failure.stage is Stage.AUTHENTICATE
    assert script.heard == []
    assert script.asked_bytes == []


@pytest.mark.parametrize("steps", range(7))
def test_a_login_that_is_abandoned_wipes_its_password_and_what_it_was_sending(steps: int) -> None:
    password, script = bytearray(PASSWORD), Script([greeting(), FULL, OK])
    login = a_login(ENCRYPTED, password)
    step = next(login)
    for _ in range(steps):
        step = login.send(script.obey(step))

    login.close()

    assert not any(password)
    assert not any(getattr(step, "data", b""))


class Keeping(Script):
    """One that keeps the buffers it was sent, and not only copies."""

    def __init__(self, says: list[bytes]) -> None:
        super().__init__(says)
        self.kept: list[bytes | bytearray] = []

    def obey(self, step: Step) -> bytes:
        if isinstance(step, Send):
            self.kept.append(step.data)
        return super().obey(step)


def test_what_was_sent_is_overwritten_when_it_is_sent() -> None:
    script = Keeping([greeting(), FULL, OK])

    carried(a_login(ENCRYPTED), script)

    assert len(b"".join(script.kept)) > 100
    assert not any(b"".join(script.kept))


def a_kill(says: bytes) -> Script:
    script = Script([says])
    carried(mysql.kill(4711, "QUERY"), script)
    return script


@pytest.mark.parametrize("says", [OK, error(1094, b"#HY000")], ids=["found", "no more"])
def test_kill_names_the_session_and_takes_one_that_is_no_more_for_killed(says: bytes) -> None:
    script = a_kill(says)

    assert script.heard == [packet(0, b"\x03KILL QUERY 4711")]
    assert not script.left()


def test_kill_can_end_the_whole_session() -> None:
    script = Script([OK])

    carried(mysql.kill(7, "CONNECTION"), script)

    assert script.heard == [packet(0, b"\x03KILL CONNECTION 7")]


@pytest.mark.parametrize(
    ("says", "errno"),
    [
        (error(1095, b"#HY000"), 1095),
        (error(1317, b"#70100"), 1317),
        (b"\xfe", None),
        (b"\0", None),
    ],
)
def test_a_kill_that_the_server_does_not_confirm_is_a_refusal(
    says: bytes, errno: int | None
) -> None:
    with pytest.raises(LoginRefusedError) as failure:
        a_kill(says)

    assert (failure.value.stage, failure.value.errno) == (Stage.END_SESSION, errno)


def test_a_password_that_is_longer_than_any_stops_the_login_before_it_begins() -> None:
    failure, script = refused([greeting(), FAST, OK], PLAIN, b"x" * (PASSWORD_MAX_BYTES + 1))

    assert "too long" in failure.sentence
    assert script.heard == []


def test_quit_is_one_command_of_its_own() -> None:
    assert mysql.quit_message() == packet(0, b"\x01")
