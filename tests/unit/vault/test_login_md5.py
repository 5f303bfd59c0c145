"""The answer to MD5's question is libpq's, also where policy forbids MD5 for security."""

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import pytest
from psycopg.pq import PGconn

from tests.harness.children import REPOSITORY
from tests.harness.logins import PASSWORD, message
from tests.unit.vault.terms import (
    BY_MD5,
    CLEAR,
    CLEAR_VERIFIED,
    MD5,
    MD5_VERIFIED,
    PASSWORDS,
    SALT,
    USER,
    heard_of,
)
from vault.login import md5
from vault.login.postgres_authentication import Terms
from vault.login.refusals import LoginRefusedError


def md5_answer(password: bytes, salt: bytes) -> bytes:
    """Return the right answer, with libpq's word for the inner hash."""
    connection = PGconn.connect_start(b"host=/nowhere")
    stored = connection.encrypt_password(password, USER, b"md5")
    outer = hashlib.md5(stored.removeprefix(b"md5") + salt, usedforsecurity=False)
    return b"md5" + outer.hexdigest().encode()


@pytest.mark.parametrize("password", PASSWORDS)
@pytest.mark.parametrize("terms", [MD5, MD5_VERIFIED, CLEAR, CLEAR_VERIFIED])
def test_where_md5_will_do_its_question_is_answered_as_libpq_does(
    terms: Terms, password: bytes
) -> None:
    heard = heard_of(BY_MD5, terms, password)

    assert heard == [message(b"p", md5_answer(password, SALT) + b"\0")]


def without_md5(directory: Path) -> dict[str, str]:
    """Return what a program says on a machine that forbids MD5 for security."""
    program = (
        "import hashlib, json, sys\n"
        "from vault.login import md5\n"
        "try: hashlib.md5(b'')\n"
        "except ValueError: plain = 'refused'\n"
        "else: plain = 'allowed'\n"
        "ours = md5.answer(bytearray(b'word'), user=b'ann', salt=b'salt').decode()\n"
        "print(json.dumps({'plain': plain, 'ours': ours}))\n"
    )
    fips = "openssl_conf=a\n[a]\nalg_section=b\n[b]\ndefault_properties=fips=yes\n"
    policy = directory / "openssl.cnf"
    policy.write_text(fips)
    environment = {"OPENSSL_CONF": str(policy), "PYTHONPATH": str(REPOSITORY)}
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, check=True, capture_output=True
    )
    found: dict[str, str] = json.loads(done.stdout)
    return found


def test_md5_is_answered_where_policy_forbids_it_for_security(tmp_path: Path) -> None:
    found = without_md5(tmp_path)

    inner = hashlib.md5(b"wordann", usedforsecurity=False).hexdigest().encode()
    outer = hashlib.md5(inner + b"salt", usedforsecurity=False).hexdigest()
    assert found == {"plain": "refused", "ours": "md5" + outer}


def test_a_machine_without_md5_is_a_refusal_and_not_a_crash(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def missing(name: str, **_options: bool) -> None:
        raise ValueError(f"unsupported hash type {name}")

    monkeypatch.setattr(hashlib, "new", missing)
    password = bytearray(PASSWORD)

    with pytest.raises(LoginRefusedError, match="does not have it") as failure:
        md5.answer(password, user=USER, salt=SALT)

    assert failure.value.__suppress_context__
    assert not any(password)
