import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.harness.logins import (
    CONTINUE,
    FINAL,
    KEY,
    LET_IN,
    LOGIN,
    NONCE,
    NOTICE,
    OFFER,
    PARAMETER,
    PASSWORD,
    READY,
    STRICT,
    Machine,
    Script,
    asks,
    carried,
    error,
    message,
)
from vault.login.postgres import (
    MAX_NOTICES,
    PostgresTarget,
    cancel,
    log_in,
)
from vault.login.refusals import LoginRefusedError, Stage
from vault.login.steps import LoggedIn, Send
from wire.lending import PostgresSession

TARGET = PostgresTarget(user="ann", database="shop", application_name="strongroom")


def a_login(password: bytearray | None = None) -> Machine[LoggedIn]:
    used = bytearray(PASSWORD) if password is None else password
    return log_in(TARGET, used, nonce=NONCE, terms=STRICT)


def refused(says: bytes) -> tuple[LoginRefusedError, Script]:
    server = Script(says)
    with pytest.raises(LoginRefusedError) as failure:
        carried(a_login(), server.obey)
    return failure.value, server


def test_a_login_returns_the_session_and_reads_not_one_byte_more() -> None:
    server = Script(LOGIN + PARAMETER + NOTICE + KEY + READY + b"what a driver reads next")

    session = carried(a_login(), server.obey)

    assert session == LoggedIn(
        session=PostgresSession(parameters=((b"server_version", b"18.6"),), backend_id=4711),
        cancel_key=b"\x00key",
    )
    assert server.left() == b"what a driver reads next"


def test_the_start_up_message_names_user_database_application_and_encoding() -> None:
    values = b"user\0ann\0database\0shop\0application_name\0strongroom\0client_encoding\0UTF8\0\0"

    _, server = refused(b"")

    assert server.heard == [struct.pack("!II", len(values) + 8, 3 << 16) + values]


@pytest.mark.parametrize(
    "target",
    [
        pytest.param(PostgresTarget(user="", database="d", application_name="a"), id="empty"),
        pytest.param(
            PostgresTarget(user="ann\0user\0postgres", database="d", application_name="a"), id="NUL"
        ),
        pytest.param(
            PostgresTarget(user="u", database="\ud800", application_name="a"), id="no text"
        ),
        pytest.param(
            PostgresTarget(user="u", database="d", application_name="a" * 10_000), id="long"
        ),
    ],
)
def test_a_start_up_value_that_could_mean_something_else_is_never_sent(
    target: PostgresTarget,
) -> None:
    password, server = bytearray(PASSWORD), Script(LOGIN)

    with pytest.raises(LoginRefusedError) as failure:
        carried(log_in(target, password, nonce=NONCE, terms=STRICT), server.obey)

    assert failure.value.stage is Stage.NEGOTIATE
    assert server.heard == []
    assert password == bytes(len(PASSWORD))


def test_the_last_value_of_a_parameter_counts_and_notices_are_dropped() -> None:
    later = message(b"S", b"server_version\x0019\0")
    server = Script(LOGIN + PARAMETER + NOTICE * MAX_NOTICES + KEY + later + READY)

    session = carried(a_login(), server.obey)

    assert isinstance(session.session, PostgresSession)
    assert session.session.parameters == ((b"server_version", b"19"),)


@pytest.mark.parametrize(
    ("before", "stage"),
    [
        pytest.param(b"", Stage.NEGOTIATE, id="at once"),
        pytest.param(OFFER, Stage.AUTHENTICATE, id="after the offer"),
        pytest.param(OFFER + CONTINUE, Stage.AUTHENTICATE, id="after the challenge"),
        pytest.param(OFFER + CONTINUE + FINAL, Stage.VERIFY_SERVER, id="after the proof"),
        pytest.param(LOGIN + PARAMETER, Stage.START_SESSION, id="after the login"),
    ],
)
@pytest.mark.parametrize("sqlstate", ["28P01", "28000", "3D000", "53300", "57P03", "XX000"])
def test_of_an_error_only_the_sqlstate_is_kept(before: bytes, stage: Stage, sqlstate: str) -> None:
    failure, _ = refused(before + error(sqlstate.encode()))

    assert (failure.stage, failure.sqlstate) == (stage, sqlstate)
    assert "some text" not in str(failure)


@pytest.mark.parametrize(
    ("sqlstate", "words"),
    [
        (b"28000", ("pg_hba.conf", '"sslmode"', '"sslcert"')),
        (b"28P01", ("user name or the password", "MD5")),
    ],
)
def test_a_refused_login_says_where_to_look(sqlstate: bytes, words: tuple[str, ...]) -> None:
    failure, _ = refused(OFFER + error(sqlstate))

    for word in words:
        assert word in failure.sentence


@pytest.mark.parametrize("sqlstate", [b"", b"28p01", b"28P0", b"28P012", b"28P\xc301", b"28P0\n"])
def test_what_does_not_look_like_a_sqlstate_is_dropped(sqlstate: bytes) -> None:
    failure, _ = refused(error(sqlstate))

    assert failure.sqlstate is None
    assert str(failure) == "The server refused the login."


def test_a_refusal_made_with_something_else_for_a_sqlstate_does_not_repeat_it() -> None:
    failure = LoginRefusedError(Stage.CONNECT, "No.", "hunter2")

    assert "hunter2" not in f"{failure!s} {failure!r} {failure.args} {vars(failure)}"


@pytest.mark.parametrize(
    "says",
    [
        pytest.param(LOGIN + KEY + READY, id="success"),
        pytest.param(asks(3), id="downgrade"),
        pytest.param(OFFER + error(b"28P01"), id="error"),
        pytest.param(OFFER + CONTINUE, id="closed"),
    ],
)
def test_the_password_is_zeros_after_the_login_whatever_came_of_it(says: bytes) -> None:
    password, server = bytearray(PASSWORD), Script(says)

    try:
        carried(a_login(password), server.obey)
    except LoginRefusedError:
        succeeded = False
    else:
        succeeded = True

    assert succeeded is says.endswith(READY)
    assert password == bytes(len(PASSWORD))


def test_a_login_that_is_abandoned_wipes_its_password() -> None:
    password = bytearray(PASSWORD)
    login = a_login(password)
    next(login)

    login.close()

    assert password == bytes(len(PASSWORD))


def test_what_is_sent_and_the_cancel_key_show_in_no_repr() -> None:
    session = carried(a_login(), Script(LOGIN + KEY + READY).obey)

    assert "key" not in repr(session).replace("cancel_key", "")
    assert "secret" not in repr(Send(b"secret"))


@settings(deadline=None, max_examples=200)
@given(
    st.sampled_from([b"", OFFER, OFFER + CONTINUE, OFFER + CONTINUE + FINAL, LOGIN, LOGIN + KEY]),
    st.lists(
        st.one_of(
            st.binary(max_size=40),
            st.builds(message, st.sampled_from([b"R", b"S", b"K", b"N", b"Z", b"E"]), st.binary()),
            st.builds(asks, st.integers(0, 13), st.binary(max_size=80)),
            st.sampled_from([OFFER, CONTINUE, FINAL, LET_IN, KEY, NOTICE, PARAMETER, READY]),
        )
    ),
)
def test_whatever_a_server_says_a_login_succeeds_or_is_refused_within_its_limits(
    before: bytes, after: list[bytes]
) -> None:
    server, proved = Script(before + b"".join(after)), False

    try:
        session = carried(a_login(), server.obey)
    except LoginRefusedError:
        session = None
    else:
        proved = (before + b"".join(after)).startswith(LOGIN)

    assert (session is not None) is proved
    assert max(server.asked_bytes) <= 30_000
    assert all(asked > 0 for asked in server.asked_bytes)


@settings(deadline=None, max_examples=200)
@given(at=st.integers(len(OFFER), len(LOGIN) - 1), by=st.integers(1, 255))
def test_one_changed_byte_in_the_exchange_of_proofs_fails_the_login(at: int, by: int) -> None:
    changed = LOGIN[:at] + bytes([LOGIN[at] ^ by]) + LOGIN[at + 1 :]

    failure, _ = refused(changed + PARAMETER + KEY + READY)

    assert failure.stage in {Stage.AUTHENTICATE, Stage.VERIFY_SERVER}


def test_a_cancel_request_carries_process_id_and_key_of_any_length() -> None:
    server = Script(b"")

    carried(cancel(-2, b"k" * 5, terms=STRICT), server.obey)

    assert server.heard == [struct.pack("!iiii", 17, 80877102, -2, 0x6B6B6B6B) + b"k"]
