"""What ciphers and copies leave on the stack of a vault, whose environment the supervisor makes."""

import os
import secrets
import subprocess
import sys
from pathlib import Path

import pytest

from supervisor.spawn import role_programs
from tests.harness.processes import stack_of

PROGRAM = Path(__file__).with_name("sealing_process.py")
ROOT = Path(__file__).parents[3]
PIECE_BYTES = 8

TIMES = 16
"""Without what the supervisor sets, three of ten leave something."""

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="reading other processes needs root")


def left_on_the_stack(password: bytes) -> int:
    """Return how many pieces of *password* a vault's stack has once it was sealed and sent."""
    descriptor = os.memfd_create("credentials")
    os.write(descriptor, b"MAIN=user:" + password + b"\0")
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        [sys.executable, PROGRAM, str(descriptor)],
        env={**environment, **dict(role_programs()["vault"].environment)},
        pass_fds=[descriptor],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        os.close(descriptor)
        assert process.stdout is not None
        assert process.stdout.readline() == b"done\n"
        stack = stack_of(process.pid)
        process.communicate()
    pieces = (password[at : at + PIECE_BYTES] for at in range(len(password) - PIECE_BYTES + 1))
    return sum(piece in stack for piece in pieces)


def test_nothing_of_a_password_is_left_on_the_stack() -> None:
    lengths = [12 + number % 16 for number in range(TIMES)]

    found = [left_on_the_stack(secrets.token_hex(16)[:length].encode()) for length in lengths]

    assert found == [0] * TIMES
