"""The log outlives its system; the sentences at the end name it."""

import os
import subprocess
import sys
from pathlib import Path

from supervisor.sentences import gave_up_sentence
from supervisor.voice import KEPT_BYTES
from tests.harness.system import ROOT

# What a system does that somebody else started: its standard error goes to the log.
WRITER = """
import sys
from pathlib import Path
from supervisor.voice import Voice
Voice.open(Path(sys.argv[1]), quiet=True).log.info("system_ready", pid=int(sys.argv[2]))
"""


def run_once(run_dir: Path, number: int) -> None:
    subprocess.run(
        [sys.executable, "-P", "-c", WRITER, str(run_dir), str(number)],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)},
        check=True,
        timeout=20,
    )


def test_a_start_adds_to_the_log_of_the_one_before(tmp_path: Path) -> None:
    run_once(tmp_path, 1)
    run_once(tmp_path, 2)

    first, second = (tmp_path / "strongroom.log").read_text().splitlines()
    assert '"pid":1' in first
    assert '"pid":2' in second


def test_a_large_log_is_put_aside_once(tmp_path: Path) -> None:
    for number in (1, 2):
        (tmp_path / "strongroom.log").write_bytes(b"%d" % number * (KEPT_BYTES + 1))
        run_once(tmp_path, number)

    assert (tmp_path / "strongroom.log.1").read_bytes()[:1] == b"2"
    assert (tmp_path / "strongroom.log").read_text().count("\n") == 1
    assert len(list(tmp_path.iterdir())) == 2


def test_the_last_words_name_the_log() -> None:
    path = Path("/run/x/strongroom.log")

    assert gave_up_sentence("vault-1", log=path).endswith(f"see the log {path}")
    assert gave_up_sentence("vault-1", log=None).endswith("see the log")
