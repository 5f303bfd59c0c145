"""What calls have left on a login's stack is overwritten before it stays as a relay."""

import os
import secrets
from pathlib import Path

import pytest

from tests.harness.memory import a_process
from tests.harness.processes import stack_of

ROOT = Path(__file__).parents[3]

# A call that is given something by value leaves that on the stack.
LEAVES_IT = f"""
import ctypes
sys.path.insert(0, {str(ROOT)!r})
from vault.login.stack import overwrite_stack
class Given(ctypes.Structure):
    _fields_ = [("it", ctypes.c_char * len(given))]
def leave():
    ctypes.CDLL(None).getpid(Given.from_buffer(given))
leave()
"""
OVERWRITES_IT = "overwrite_stack()\n"

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="reading other processes needs root")


@pytest.mark.parametrize(
    ("program", "stays"), [(LEAVES_IT, True), (LEAVES_IT + OVERWRITES_IT, False)]
)
def test_what_a_call_has_left_stays_until_the_stack_is_overwritten(
    program: str, *, stays: bool
) -> None:
    secret = secrets.token_bytes(8_000)

    with a_process(program, secret) as pid:
        stack = stack_of(pid)

    # The last of it lies where the next call's own frame is.
    assert (secret[:4_000] in stack) is stays
