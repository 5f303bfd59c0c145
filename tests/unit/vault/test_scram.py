import base64
import contextlib
import hashlib
import hmac
from collections.abc import Iterator

import psycopg
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.harness.postgres import PostgresServer
from vault.login.refusals import LoginRefusedError, Stage
from vault.login.saslprep import prepare
from vault.login.scram import MAX_ITERATIONS, MIN_ITERATIONS, ScramClient

# RFC 7677, section 3.
NONCE = "rOprNGfwEbeRWgbNEkqO"
SERVER_NONCE = b"rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
SALT = b"W22ZaJ0SNY7soEsUEjb6gQ=="
SERVER_FIRST = b"r=%b,s=%b,i=4096" % (SERVER_NONCE, SALT)
PROOF = b"dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
SERVER_FINAL = b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="


def a_client(password: bytearray | None = None) -> ScramClient:
    return ScramClient(bytearray(b"pencil") if password is None else password, nonce=NONCE)


def a_client_of_the_rfc(password: bytearray | None = None) -> ScramClient:
    return ScramClient(password or bytearray(b"pencil"), nonce=NONCE, user="user")


def test_the_exchange_of_rfc_7677_gives_the_messages_printed_there() -> None:
    client = a_client_of_the_rfc()

    first, final = client.first(), client.final(SERVER_FIRST)
    client.verify(SERVER_FINAL)

    assert first == b"n,,n=user,r=rOprNGfwEbeRWgbNEkqO"
    assert final == b"c=biws,r=%b,p=%b" % (SERVER_NONCE, PROOF)


def test_a_comma_and_an_equals_sign_in_a_user_name_are_escaped() -> None:
    client = ScramClient(bytearray(b"x"), nonce=NONCE, user="a,b=c")

    assert client.first() == b"n,,n=a=2Cb=3Dc,r=rOprNGfwEbeRWgbNEkqO"


def test_the_channel_binding_follows_the_header_inside_the_second_message() -> None:
    header, binding = b"p=tls-server-end-point,,", b"\x00\xff a certificate's hash"
    client = ScramClient(bytearray(b"x"), nonce=NONCE, gs2_header=header, binding=binding)

    first, final = client.first(), client.final(SERVER_FIRST)

    assert first.startswith(header + b"n=")
    assert final.startswith(b"c=%b,r=" % base64.b64encode(header + binding))


@pytest.mark.parametrize(
    "server_first",
    [
        pytest.param(SERVER_FIRST, id="accepted"),
        pytest.param(b"e=other-error", id="refused"),
        pytest.param(b"", id="empty"),
    ],
)
def test_the_password_is_zeros_after_the_second_message_whatever_came_of_it(
    server_first: bytes,
) -> None:
    password = bytearray("pä:@/%' \"\\".encode())
    client, length = a_client(password), len(password)
    client.first()

    try:
        client.final(server_first)
    except LoginRefusedError:
        refused = True
    else:
        refused = False

    assert refused is (server_first != SERVER_FIRST)
    assert password == bytes(length)


@pytest.mark.parametrize(
    "server_first",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"e=unknown-user", id="error"),
        pytest.param(b"m=x," + SERVER_FIRST, id="mandatory extension"),
        pytest.param(SERVER_FIRST + b",x=1", id="unknown attribute"),
        pytest.param(SERVER_FIRST + b"\n", id="line end"),
        pytest.param(b"r=%b,i=4096,s=%b" % (SERVER_NONCE, SALT), id="other order"),
        pytest.param(b"r=%b,i=4096" % SERVER_NONCE, id="no salt"),
        pytest.param(b"r=%b,s=%b,i=4096" % (NONCE.encode(), SALT), id="only our nonce"),
        pytest.param(b"r=x%b,s=%b,i=4096" % (SERVER_NONCE, SALT), id="nonce not ours"),
        pytest.param(b"r=%b\x7f,s=%b,i=4096" % (SERVER_NONCE, SALT), id="nonce not printable"),
        pytest.param(b"r=%b,s=W22Z*aJ0SNY7soEs,i=4096" % SERVER_NONCE, id="salt not base64"),
        pytest.param(b"r=%b,s=W22ZaJ0SNY7soEsUEjb6gR==,i=4096" % SERVER_NONCE, id="salt bits left"),
        pytest.param(b"r=%b,s=W22ZaJ0SNY7soEsUEjb6gQ,i=4096" % SERVER_NONCE, id="salt unpadded"),
        pytest.param(b"r=%b,s=W22ZaJ0S,i=4096" % SERVER_NONCE, id="salt short"),
        pytest.param(b"r=%b,s=%b,i=4096" % (SERVER_NONCE, b"QUJD" * 64), id="salt long"),
        pytest.param(b"r=%b,s=%b,i=4095" % (SERVER_NONCE, SALT), id="too few iterations"),
        pytest.param(b"r=%b,s=%b,i=1000001" % (SERVER_NONCE, SALT), id="too many iterations"),
        pytest.param(b"r=%b,s=%b,i=04096" % (SERVER_NONCE, SALT), id="iterations padded"),
        pytest.param(b"r=%b,s=%b,i=-4096" % (SERVER_NONCE, SALT), id="iterations negative"),
        pytest.param(b"r=%b,s=%b,i=" % (SERVER_NONCE, SALT) + b"9" * 5000, id="iterations huge"),
        pytest.param(b"r=%b,s=%b,i=4096" % (SERVER_NONCE + b"x" * 1000, SALT), id="too long"),
    ],
)
def test_a_challenge_that_breaks_a_rule_is_refused_and_not_answered(server_first: bytes) -> None:
    client = a_client()
    client.first()

    with pytest.raises(LoginRefusedError) as refused:
        client.final(server_first)

    assert refused.value.stage is Stage.AUTHENTICATE
    assert refused.value.__context__ is None


@pytest.mark.parametrize("iterations", [MIN_ITERATIONS, MAX_ITERATIONS])
def test_both_ends_of_the_range_of_iterations_are_answered(iterations: int) -> None:
    client = a_client()
    client.first()

    final = client.final(b"r=%b,s=%b,i=%d" % (SERVER_NONCE, SALT, iterations))

    assert final.startswith(b"c=biws,r=")


def test_an_empty_password_is_refused_before_any_proof() -> None:
    client = a_client(bytearray())
    client.first()

    with pytest.raises(LoginRefusedError, match="no password"):
        client.final(SERVER_FIRST)


@pytest.mark.parametrize(
    ("server_final", "stage"),
    [
        pytest.param(b"e=invalid-proof", Stage.AUTHENTICATE, id="error"),
        pytest.param(b"", Stage.VERIFY_SERVER, id="empty"),
        pytest.param(b"v=", Stage.VERIFY_SERVER, id="no signature"),
        pytest.param(b"v=" + base64.b64encode(bytes(32)), Stage.VERIFY_SERVER, id="wrong"),
        pytest.param(SERVER_FINAL[:-4], Stage.VERIFY_SERVER, id="cut"),
        pytest.param(SERVER_FINAL + b",x=1", Stage.VERIFY_SERVER, id="unknown attribute"),
        pytest.param(SERVER_FINAL + b"\n", Stage.VERIFY_SERVER, id="line end"),
    ],
)
def test_a_server_that_does_not_prove_itself_is_refused(server_final: bytes, stage: Stage) -> None:
    client = a_client_of_the_rfc()
    client.first()
    client.final(SERVER_FIRST)

    with pytest.raises(LoginRefusedError) as refused:
        client.verify(server_final)

    assert refused.value.stage is stage


def test_a_step_out_of_order_is_a_bug_of_ours_and_wipes_the_password() -> None:
    password = bytearray(b"pencil")

    with pytest.raises(RuntimeError):
        a_client(password).final(SERVER_FIRST)

    assert password == bytes(6)


def test_a_second_try_at_the_servers_proof_is_not_given() -> None:
    client = a_client_of_the_rfc()
    client.first()
    client.final(SERVER_FIRST)
    with pytest.raises(LoginRefusedError):
        client.verify(b"v=" + base64.b64encode(bytes(32)))

    with pytest.raises(RuntimeError):
        client.verify(SERVER_FINAL)


@pytest.mark.parametrize(
    "nonce", ["", "short", "has,a,comma,in,the,middle", "spaces are not good!"]
)
def test_a_nonce_that_is_short_or_not_printable_is_not_used(nonce: str) -> None:
    with pytest.raises(ValueError, match="nonce"):
        ScramClient(bytearray(b"x"), nonce=nonce)


@settings(deadline=None, max_examples=200)
@given(st.one_of(st.binary(), st.binary().map(lambda tail: SERVER_FIRST[:60] + tail)))
@example(b"r=\xff")
def test_any_bytes_as_a_challenge_are_refused_or_answered(server_first: bytes) -> None:
    client = a_client()
    client.first()

    with contextlib.suppress(LoginRefusedError):
        final = client.final(server_first)
        assert final.startswith(b"c=biws,r=%b" % NONCE.encode())


@settings(deadline=None)
@given(
    st.one_of(
        st.binary(),
        st.binary(max_size=40).map(lambda signature: b"v=" + base64.b64encode(signature)),
        st.tuples(st.integers(0, len(SERVER_FINAL) - 1), st.integers(1, 255)).map(
            lambda change: changed(SERVER_FINAL, *change)
        ),
    )
)
def test_nothing_but_the_one_signature_is_taken_for_the_servers_proof(server_final: bytes) -> None:
    client = a_client_of_the_rfc()
    client.first()
    client.final(SERVER_FIRST)

    with pytest.raises(LoginRefusedError):
        client.verify(server_final)


def changed(message: bytes, at: int, by: int) -> bytes:
    return message[:at] + bytes([message[at] ^ by]) + message[at + 1 :]


@pytest.fixture(scope="module")
def libpq(postgres: PostgresServer) -> Iterator[psycopg.pq.abc.PGconn]:
    with postgres.connect(postgres.admin_user, postgres.admin_password, "postgres") as connection:
        yield connection.pgconn


# Every table of SASLprep has something here: mapped, prohibited, unassigned, bidirectional,
# composed, and the ordinary.
ODD = "aZ9 :@/%'\"\\\t\x7f\xa0\xad\xaa\xb5é\u0301\u034f\u0221\u05d0\u0627\u06dd\u1680\u180e\u200b"
ODD += "\u200d\u200e\u2028\u2060\u2168\u2ff0\u3000\ue000\ufb01\ufdd0\ufeff\ufffd\u0340\uff21"
ODD += "\U0001d15e\U0001f511\U000e0041\U0002f800가"
WORDS = st.one_of(
    st.text(ODD, min_size=1, max_size=6),
    st.text(st.characters(exclude_characters="\0", codec="utf-8"), min_size=1, max_size=6),
).map(str.encode)
RAW = st.binary(min_size=1, max_size=8).filter(lambda password: b"\0" not in password)


@settings(deadline=None, max_examples=300)
@given(password=st.one_of(WORDS, RAW))
@example(password=b"\xc2\xad")
@example(password="\u0627\u0031".encode())
@example(password="\u2135a".encode())  # becomes right-to-left only when it is normalized
@example(password="\u0627a\u0628".encode())
@example(password="\u0627\u0031\u0628".encode())
def test_libpq_makes_the_same_keys_of_any_password(
    libpq: psycopg.pq.abc.PGconn, password: bytes
) -> None:
    verifier = libpq.encrypt_password(password, b"anyone", b"scram-sha-256")
    cost, keys = verifier.removeprefix(b"SCRAM-SHA-256$").split(b"$")
    iterations, salt = cost.split(b":")

    salted = hashlib.pbkdf2_hmac(
        "sha256", prepare(bytearray(password)), base64.b64decode(salt), int(iterations)
    )

    stored_key = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    assert base64.b64encode(stored_key) == keys.split(b":")[0]


@given(st.one_of(WORDS, RAW))
def test_preparing_a_password_leaves_the_original_as_it_was(password: bytes) -> None:
    original = bytearray(password)

    prepared = prepare(original)

    assert original == password
    assert prepared is not original
