"""What a library logs in a process that has become an executor."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import msgspec
import pytest
from msgspec import Raw

from tests.unit.executor.confined_process import LIMITS
from tests.unit.executor.standin_vault import SETTLED_S
from wire.codec import encode
from wire.control import Configure
from wire.names import Incarnation
from wire.packets import send_packet, socket_pair

ROOT = Path(__file__).parents[3]
CANARY = "hunter22-canary"
# It becomes an executor in every respect, fences too, but has a library speak instead of working.
START = f"""
import logging, os, sys
from importlib import import_module
from wire.child import EndedError

def speak(*_parts, **_others):
    logging.getLogger("driver").error("{CANARY}")
    raise EndedError

os.dup2(int(sys.argv[1]), 3)
program = import_module(sys.argv[2])
program.Service = speak
program.main()
"""


def log_of(program: str, settings: Mapping[str, object]) -> str:
    raw = Raw(msgspec.msgpack.encode({"slots": 1, **settings, **LIMITS}))
    ours, theirs = socket_pair()
    with ours, theirs:
        send_packet(ours, encode(Configure(incarnation=Incarnation("executor-1"), settings=raw)))
        ran = subprocess.run(
            [sys.executable, "-P", "-c", START, str(theirs.fileno()), program],
            env={"PYTHONPATH": os.fspath(ROOT)},
            pass_fds=[theirs.fileno()],
            capture_output=True,
            text=True,
            timeout=SETTLED_S,
            check=True,
        )
    return ran.stderr


@pytest.mark.parametrize("program", ["executor.__main__", "executor.sqlite.__main__"])
def test_what_a_library_logs_in_an_executor_is_an_event_without_its_words(
    program: str, adopt_dir: Path
) -> None:
    own: dict[str, dict[str, object]] = {
        "executor.__main__": {"adopt_dir": os.fspath(adopt_dir)},
        "executor.sqlite.__main__": {"roots": [], "files": {}},
    }

    log = log_of(program, own[program])

    assert CANARY not in log
    events = [json.loads(line) for line in log.splitlines()]
    assert [one["library"] for one in events if one["event"] == "library_error"] == ["driver"]
