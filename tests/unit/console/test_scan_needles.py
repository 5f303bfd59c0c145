import base64
import json
import secrets
import urllib.parse

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from console.scan.needles import SURE_RUN_BYTES, UnsearchableSecretError, needles_for
from console.scan.search import LISTED_OF_A_KIND, Run, Search

AWKWARD = ":@/%'\" \\<&>+?=é漢😀" + secrets.token_urlsafe(9)
LATIN = "pässwörd-ÿ-" + secrets.token_urlsafe(9)
SHORT = "k@'7%/\\"
SECRETS = [secrets.token_urlsafe(33), AWKWARD, LATIN, SHORT, "päß"]


def runs_in(content: bytes, secret: str | bytes, *, step: int = 1 << 20, at: int = 0) -> list[Run]:
    needles = needles_for(secret.encode() if isinstance(secret, str) else secret)
    search = Search(needles)
    for start in range(0, len(content), step):
        search.feed(at + start, content[start : start + step])
    search.finish()
    return search.runs


def spelled(secret: str) -> dict[str, bytes]:
    """Spell a secret as programs do, each in its own words rather than the scanner's."""
    raw = secret.encode()
    quoted = urllib.parse.quote(secret, safe="")
    ways = {
        "raw": raw,
        "json": json.dumps({"p": secret}).encode(),
        "json-utf-8": json.dumps([secret], ensure_ascii=False).encode(),
        "sql": b"ALTER ROLE r PASSWORD '" + raw.replace(b"'", b"''") + b"'",
        "conninfo": b"password='" + raw.replace(b"\\", b"\\\\").replace(b"'", b"\\'") + b"'",
        "url": f"postgresql://u:{quoted}@host".encode(),
        "url-plus": urllib.parse.urlencode({"p": secret}).encode(),
        "url-lower": "".join(
            chr(byte)
            if (chr(byte).isalnum() and byte < 128) or chr(byte) in "_.-~"
            else f"%{byte:02x}"
            for byte in raw
        ).encode(),
        "repr": f"{(secret,)!r}".encode(),
        "bytes-repr": f"{[raw]!r}".encode(),
        "utf-16": secret.encode("utf-16"),
        "utf-16-be": secret.encode("utf-16-be"),
        "utf-32": secret.encode("utf-32"),
        "hex": raw.hex().encode(),
        "HEX": raw.hex().upper().encode(),
    }
    for shift in range(3):
        ways[f"base64+{shift}"] = base64.b64encode(b"u:p"[:shift] + raw + b"tail")
        ways[f"base64url+{shift}"] = base64.urlsafe_b64encode(b"u:p"[:shift] + raw + b"tail")
    return ways


@pytest.mark.parametrize("secret", SECRETS, ids=["random", "awkward", "latin", "short", "three"])
def test_every_spelling_of_a_secret_is_found_whole_wherever_it_lies(secret: str) -> None:
    for name, content in spelled(secret).items():
        for before in range(8):
            found = runs_in(b"\1" * before + content + b"\1", secret)

            assert any(run.whole for run in found), (name, before)


def test_a_text_that_python_keeps_in_one_byte_per_letter_is_found() -> None:
    found = runs_in(b"\0\0" + LATIN.encode("latin-1") + b"\0", LATIN)

    assert [(run.offset, run.encoding, run.whole) for run in found] == [(2, "latin-1", True)]


def test_any_surviving_run_of_fifteen_characters_is_found() -> None:
    secret = secrets.token_urlsafe(33)
    for start in range(len(secret) - SURE_RUN_BYTES + 1):
        for before in range(8):
            survivor = secret[start : start + SURE_RUN_BYTES].encode()
            content = b"\1" * before + survivor + b"\1" * 9

            found = runs_in(content, secret)

            assert [(run.offset, run.length_bytes, run.whole) for run in found] == [
                (before, SURE_RUN_BYTES, False)
            ]


def test_a_wide_fragment_is_found_as_well() -> None:
    secret = secrets.token_urlsafe(33)
    for codec in ("utf-16-le", "utf-32-le"):
        survivor = secret[7 : 7 + SURE_RUN_BYTES].encode(codec)

        (run,) = runs_in(b"\1\1\1" + survivor + b"\1" * 9, secret)

        assert (run.encoding, run.length_bytes, run.whole) == (codec, len(survivor), False)


def test_a_few_letters_of_a_secret_are_not_a_hit() -> None:
    secret = secrets.token_urlsafe(33)
    letters = [secret[start : start + 7].encode() for start in range(len(secret))]

    assert runs_in(b"\1".join(letters), secret) == []


@settings(max_examples=60, deadline=None)
@given(before=st.integers(0, 300), step=st.integers(1, 12), length=st.integers(16, 40))
def test_a_secret_that_lies_across_pieces_is_found_once_and_whole(
    before: int, step: int, length: int
) -> None:
    secret = secrets.token_urlsafe(40)[:length]
    content = b"\1" * before + secret.encode() + b"\1" * 100

    found = runs_in(content, secret, step=step * 8, at=4096)

    assert [(run.offset, run.length_bytes, run.whole) for run in found] == [
        (4096 + before, length, True)
    ]


def test_pieces_that_do_not_adjoin_are_not_read_as_one() -> None:
    secret = secrets.token_urlsafe(33)
    needles = needles_for(secret.encode())
    search = Search(needles)
    search.feed(0, secret[:16].encode())
    search.feed(4096, secret[16:].encode())

    search.finish()

    assert [(run.offset, run.whole) for run in search.runs] == [(0, False), (4096, False)]


def test_another_secret_is_not_found() -> None:
    secret, other = secrets.token_urlsafe(33), secrets.token_urlsafe(33)
    content = b"\1".join(spelled(secret).values())

    assert runs_in(content, other) == []


def test_a_short_secret_counts_only_as_a_whole() -> None:
    secret = secrets.token_urlsafe(9)

    assert runs_in(b"\1" + secret[:-1].encode(), secret) == []
    assert [run.whole for run in runs_in(b"\1" + secret.encode(), secret)] == [True]


def test_hits_of_one_kind_are_listed_up_to_a_limit_and_the_rest_is_counted() -> None:
    search = Search(needles_for(b"abc"))
    search.feed(0, b"abc\1" * 100)

    search.finish()

    assert len(search.runs) == LISTED_OF_A_KIND
    assert search.unlisted == 100 - LISTED_OF_A_KIND


def test_chance_hits_are_many_for_three_characters_and_none_for_thirty() -> None:
    gigabyte = 1 << 30

    assert needles_for(b"abc").chance_hits(gigabyte) > 10_000
    assert 0.0001 < needles_for(b"k3-hP9xW").chance_hits(gigabyte) < 1
    assert needles_for(secrets.token_bytes(30)).chance_hits(gigabyte) < 1e-12


def test_bytes_that_are_no_text_are_found_raw_and_encoded() -> None:
    secret = b"\xff\xfe" + secrets.token_bytes(20)

    for content in (secret, secret.hex().encode(), base64.b64encode(secret)):
        assert any(run.length_bytes >= 16 for run in runs_in(content, secret))


def test_extra_needles_are_found_by_name_raw_in_hex_and_in_base64() -> None:
    key = secrets.token_bytes(32)
    needles = needles_for(secrets.token_bytes(20), [("StoredKey", key)])
    for content, encoding in (
        (key, "StoredKey raw"),
        (key.hex().encode(), "StoredKey hex"),
        (base64.b64encode(key), "StoredKey base64+0"),
        (b"SCRAM-SHA-256$4096:c2FsdA==$" + base64.b64encode(key), "StoredKey base64+0"),
    ):
        search = Search(needles)
        search.feed(0, content)
        search.finish()

        assert (search.runs[0].encoding, search.runs[0].whole) == (encoding, True)


@pytest.mark.parametrize("secret", [b"", b"ab", b"x" * 4097], ids=["empty", "two", "too long"])
def test_a_secret_that_cannot_be_looked_for_is_refused(secret: bytes) -> None:
    with pytest.raises(UnsearchableSecretError):
        needles_for(secret)


def test_nothing_that_holds_a_needle_shows_it() -> None:
    secret = secrets.token_urlsafe(33)
    needles = needles_for(secret.encode())
    (run,) = runs_in(secret.encode() * 1, secret)

    shown = f"{needles!r} {needles.all!r} {run!r}"

    assert secret[:8] not in shown
