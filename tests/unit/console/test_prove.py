import base64
import hmac
import secrets
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from console.scan.control import PLANTED_PLACES, blindness, planted
from console.scan.needles import needles_for
from console.scan.proof import prove
from console.scan.report import Place, Suspect, Verdict
from console.scan.scanner import scan
from tests.harness.memory import (
    a_process,
    assert_nowhere,
    find_descendants,
    scram_derivatives,
)

WIPE = "given[:] = bytes(len(given))"
# Starts a child that reads what its parent was given, wipes its own copy, and waits for the child.
HAS_A_CHILD = """
import subprocess
code = "import os, sys; kept = os.read(0, 44); os.write(1, b'.'); os.read(0, 1)"
child = subprocess.Popen([sys.executable, '-ISc', code], stdin=-1, stdout=-1, bufsize=0)
child.stdin.write(given)
child.stdout.read(1)
given[:] = bytes(len(given))
"""


def a_secret() -> bytes:
    return secrets.token_urlsafe(33).encode()


def test_a_system_without_the_secret_is_clean(tmp_path: Path) -> None:
    with a_process("") as pid:
        report = prove([Suspect(pid, "executor")], a_secret(), [tmp_path])

    assert report.verdict is Verdict.CLEAN
    assert [(part.pid, part.name) for part in report.parts] == [(pid, ""), (None, str(tmp_path))]


@pytest.mark.parametrize(
    "secret",
    [b"k3-hP9xW", "p:@/%'\" \\ß漢😀".encode(), secrets.token_bytes(24)],
    ids=["short", "awkward", "no text"],
)
def test_a_secret_of_any_kind_is_found_in_a_process_that_holds_it(secret: bytes) -> None:
    with a_process("", secret) as pid:
        report = prove([Suspect(pid, "executor")], secret, [])

    assert any(hit.whole and hit.encoding == "raw" for hit in report.hits)
    assert report.scanner == ()
    assert secret[:5] not in repr(report).encode()


def test_what_a_listed_process_started_is_scanned_too() -> None:
    secret = a_secret()
    with a_process(HAS_A_CHILD, secret) as pid:
        (child,) = find_descendants(pid)
        report = prove([Suspect(pid, "executor")], secret, [])

    assert {hit.pid for hit in report.hits if hit.place is Place.MEMORY} >= {child}
    assert {part.role for part in report.parts} == {"executor", "child of executor"}


def test_the_positive_control_finds_every_spelling_in_every_place() -> None:
    needles = needles_for(a_secret(), [("StoredKey", secrets.token_bytes(32))])
    with planted(needles) as suspect:
        report = scan([suspect], needles)

    assert blindness(needles, report.hits) == []
    assert {hit.place for hit in report.hits} == set(PLANTED_PLACES)


def test_a_control_that_finds_less_than_was_planted_makes_the_proof_incomplete() -> None:
    needles = needles_for(a_secret())
    with planted(needles) as suspect:
        report = scan([suspect], needles)
    broken = [replace(hit, whole=hit.encoding != "utf-32-le") for hit in report.hits]

    (gap,) = blindness(needles, broken)

    assert "the scanner is blind here" in gap.reason
    assert "utf-32-le in memory" in gap.reason
    assert not gap.allowed


def test_a_scanner_whose_control_finds_nothing_proves_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with a_process("") as pid:
        # The control's child ends before it can hold anything.
        monkeypatch.setattr(sys, "executable", shutil.which("true"))
        report = prove([Suspect(pid, "executor")], a_secret(), [])

    assert [part.verdict for part in report.parts] == [Verdict.CLEAN]
    assert "the scanner is blind here" in report.scanner[0].reason
    assert report.verdict is Verdict.INCOMPLETE


def test_the_control_gets_the_secret_by_pipe_and_never_by_argument() -> None:
    secret = a_secret()
    needles = needles_for(secret)
    with planted(needles) as suspect:
        report = scan([suspect], needles)

    assert {hit.place for hit in report.hits}.isdisjoint({Place.COMMAND_LINE, Place.ENVIRONMENT})


def test_the_harness_passes_what_is_clean_and_fails_readably_on_what_is_not() -> None:
    secret, key = a_secret(), secrets.token_bytes(32)
    with a_process("", key) as pid:
        suspects = [Suspect(pid, "executor")]

        assert_nowhere(suspects, secret)
        with pytest.raises(AssertionError, match=r"executor .*: whole, StoredKey raw, in memory"):
            assert_nowhere(suspects, secret, extra=[("StoredKey", key)])


def test_the_harness_fails_on_a_gap_unless_it_is_told_to_allow_it(tmp_path: Path) -> None:
    missing = tmp_path / "none"
    with a_process(WIPE) as pid:
        suspects = [Suspect(pid, "executor")]

        with pytest.raises(AssertionError, match=r"not looked at: directory: .*none"):
            assert_nowhere(suspects, a_secret(), directories=[missing])
        assert_nowhere(
            suspects,
            a_secret(),
            directories=[missing],
            allow_unreadable=lambda gap: gap.where == str(missing),
        )


def test_scram_derivatives_are_those_of_rfc_7677() -> None:
    salt = base64.b64decode("W22ZaJ0SNY7soEsUEjb6gQ==")
    nonce = "rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
    exchange = (
        f"n=user,r=rOprNGfwEbeRWgbNEkqO,r={nonce},s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096,"
        f"c=biws,r={nonce}"
    ).encode()

    derived = dict(scram_derivatives(b"pencil", salt=salt, iterations=4096))

    signature = hmac.digest(derived["StoredKey"], exchange, "sha256")
    proof = bytes(a ^ b for a, b in zip(derived["ClientKey"], signature, strict=True))
    verifier = hmac.digest(derived["ServerKey"], exchange, "sha256")
    assert base64.b64encode(proof) == b"dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
    assert base64.b64encode(verifier) == b"6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="
