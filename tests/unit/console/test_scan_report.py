import json
import secrets
from dataclasses import replace

import pytest

from console.scan.needles import needles_for
from console.scan.redact import Redactor
from console.scan.report import (
    Hit,
    Part,
    Place,
    Report,
    Unscanned,
    Verdict,
    verdict_of,
    weighed,
)
from console.scan.text import as_json, as_text

HIT = Hit(Place.MEMORY, 7, "executor", "[heap]", "raw", 4096, 44, whole=True, context="xxx=")
FRAGMENT = Hit(Place.PIPE, 7, "executor", "descriptor 4", "hex", 0, 18, whole=False, context="")
GAP = Unscanned(7, "executor", "memory", "Permission denied")
ALLOWED = Unscanned(9, "vault", "/secretmem (deleted)", "unreadable memory", allowed=True)


def a_report(*parts: Part, scanner: tuple[Unscanned, ...] = (), characters: int = 30) -> Report:
    return Report(
        parts=parts,
        scanner=scanner,
        excluded_pids=(5,),
        secret_characters=characters,
        fragments_sought=characters >= 16,
        expected_chance_hits=0.0 if characters >= 16 else 12_000.0,
        seconds=0.5,
    )


def a_part(*, hits: tuple[Hit, ...] = (), gaps: tuple[Unscanned, ...] = ()) -> Part:
    return Part(7, "executor", "executor-1", hits=hits, unscanned=gaps, scanned_bytes=3 << 20)


@pytest.mark.parametrize(
    ("hits", "gaps", "verdict"),
    [
        ([], [], Verdict.CLEAN),
        ([], [ALLOWED], Verdict.CLEAN),
        ([], [ALLOWED, GAP], Verdict.INCOMPLETE),
        ([FRAGMENT], [], Verdict.FOUND),
        ([HIT], [GAP], Verdict.FOUND),
    ],
    ids=["nothing", "allowed gap", "gap", "fragment", "found wins over incomplete"],
)
def test_the_verdict_follows_from_hits_and_gaps(
    hits: list[Hit], gaps: list[Unscanned], verdict: Verdict
) -> None:
    assert verdict_of(hits, gaps) is verdict


def test_each_verdict_has_an_exit_code_that_no_wrong_command_line_has() -> None:
    assert [verdict.value for verdict in Verdict] == [0, 1, 3]


@pytest.mark.parametrize(
    ("context", "encoding", "verdict"),
    [
        ("xx xx ", "raw", Verdict.INCOMPLETE),
        ("password xx ", "raw", Verdict.INCOMPLETE),
        ("Password=", "raw", Verdict.FOUND),
        ('"pwd": "', "json", Verdict.FOUND),
        ("xx xx ", "StoredKey raw", Verdict.FOUND),
    ],
)
def test_a_secret_that_chance_puts_there_is_believed_after_a_telling_word_only(
    context: str, encoding: str, verdict: Verdict
) -> None:
    hit = replace(HIT, context=context, encoding=encoding)

    short = weighed(a_report(a_part(hits=(hit,)), characters=4))
    long = weighed(a_report(a_part(hits=(hit,))))

    assert (short.verdict, short.parts[0].verdict) == (verdict, verdict)
    assert long.verdict is Verdict.FOUND


@pytest.mark.parametrize(
    ("role", "encoding", "verdict"),
    [
        ("demo", "StoredKey raw", Verdict.CLEAN),
        ("child of demo", "ServerKey base64+0", Verdict.CLEAN),
        ("child of demo", "ClientKey (SASLprep) raw", Verdict.CLEAN),
        ("child of demo", "MD5 hex", Verdict.CLEAN),
        ("child of demo", "SaltedPassword raw", Verdict.FOUND),
        ("child of demo", "raw", Verdict.FOUND),
        ("executor", "StoredKey raw", Verdict.FOUND),
    ],
)
def test_a_database_server_may_hold_what_it_checks_logins_by_and_nothing_else(
    role: str, encoding: str, verdict: Verdict
) -> None:
    report = weighed(a_report(a_part(hits=(replace(HIT, role=role, encoding=encoding),))))

    assert report.verdict is verdict
    assert ("which checks logins by these keys" in as_text(report)) is (verdict is Verdict.CLEAN)


def test_a_scanner_that_cannot_see_is_never_clean() -> None:
    blind = Unscanned(None, "scanner", "positive control", "the scanner is blind here")

    report = a_report(a_part(), scanner=(blind,))

    assert report.verdict is Verdict.INCOMPLETE
    assert "the scanner is blind here" in as_text(report)


def test_a_context_shows_punctuation_and_well_known_words_and_nothing_else() -> None:
    redactor = Redactor(needles_for(secrets.token_bytes(20)))

    shape = redactor.shape(b'\0\xff{"user": "bob7", "Password": "')

    assert shape == '..{"user": "xxxx", "Password": "'


def test_a_context_that_holds_a_part_of_the_secret_hides_it() -> None:
    redactor = Redactor(needles_for(b"!!password$$$$-----"))

    assert redactor.shape(b"=!!password$$$") == "=#############"


def test_a_name_that_holds_the_secret_hides_it() -> None:
    secret = secrets.token_urlsafe(33)
    redactor = Redactor(needles_for(secret.encode()))

    assert redactor.name(f"/0/{secret}.1") == f"/0/{'#' * len(secret)}.1"
    assert redactor.name(f"/0/{secret[3:12]}.1") == f"/0/{'#' * 9}.1"


def test_the_report_for_people_names_each_process_each_hit_each_gap_and_the_verdict() -> None:
    part = Part(9, "vault", "vault", unscanned=(ALLOWED,), scanned_bytes=1 << 20)

    lines = as_text(a_report(a_part(hits=(HIT, FRAGMENT), gaps=(GAP,)), part)).splitlines()

    assert lines[0].split()[:4] == ["the", "scanner", "itself", "5"]
    assert lines[1].split() == ["executor", "7", "3.0", "MiB", "FOUND"]
    assert lines[2].split() == ["vault", "9", "1.0", "MiB", "CLEAN"]
    assert "whole, raw, in memory at 0x1000, [heap]" in lines[4]
    assert "18 bytes of it, hex, in pipe" in lines[5]
    assert "executor 7: memory: Permission denied" in lines[7]
    assert "by design" in lines[8]
    assert lines[10].startswith("FOUND: 2 traces of the secret, 1 of them whole")


def test_the_report_says_how_little_a_short_secret_proves() -> None:
    text = as_text(a_report(a_part(hits=(HIT,)), characters=3))

    assert "as a whole only" in text
    assert "about 12,000 times" in text


def test_the_report_says_to_be_root_where_that_would_help() -> None:
    assert "run this as root" in as_text(a_report(a_part(gaps=(GAP,))))
    assert "root" not in as_text(a_report(a_part(gaps=(ALLOWED,))))


def test_the_report_for_programs_says_the_same() -> None:
    told = json.loads(as_json(a_report(a_part(hits=(HIT,), gaps=(GAP,)))))

    assert (told["verdict"], told["exit_code"], told["scanned_bytes"]) == ("found", 1, 3 << 20)
    (part,) = told["parts"]
    assert (part["role"], part["pid"], part["verdict"]) == ("executor", 7, "found")
    assert part["hits"][0]["place"] == "memory"
    assert part["unscanned"][0]["reason"] == "Permission denied"


def test_a_name_cannot_write_to_the_terminal_that_it_is_shown_on() -> None:
    redactor = Redactor(needles_for(secrets.token_bytes(20)))

    assert redactor.name("/0/\x1b[2J\nCLEAN\udcff") == r"/0/\x1b[2J\nCLEAN\xff"
