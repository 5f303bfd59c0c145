"""What libraries and the interpreter would print arrives without its words."""

import json
import subprocess
import sys

from tests.harness.system import ROOT

CANARY = "hunter22-canary"

# Each line would print the canary, if nobody took it over.
SPEAKS = f"""
import logging, threading, warnings
from wire.liblogs import silence_libraries
from wire.logs import Log

silence_libraries(Log("test"))

class Unraisable:
    def __del__(self):
        raise ValueError("{CANARY}")

def fails(): raise KeyError("{CANARY}")

logging.getLogger("driver").warning("{CANARY}")
logging.getLogger("driver").error("%s", "{CANARY}")
warnings.warn("{CANARY}")
try:
    fails()
except KeyError:
    logging.getLogger("pool").exception("{CANARY}")
thread = threading.Thread(target=fails)
thread.start()
thread.join()
Unraisable()
"""


def test_of_what_libraries_and_the_interpreter_say_place_and_type_are_logged_alone() -> None:
    ran = subprocess.run(
        [sys.executable, "-c", SPEAKS], cwd=ROOT, capture_output=True, text=True, check=True
    )

    events = [json.loads(line) for line in ran.stderr.splitlines()]
    assert CANARY not in ran.stdout + ran.stderr
    assert [(one["event"], one.get("error", one.get("kind"))) for one in events] == [
        ("library_error", None),
        ("library_error", "KeyError"),
        ("thread_failed", "KeyError"),
        ("exception_ignored", "ValueError"),
    ]
    assert all(one.get("line", one.get("place")).startswith("<string>:") for one in events)
