"""The real supervisor with stand-in processes.

python -P stand_in_system.py JOURNAL_DIR ROLE=BEHAVIOURS… -- OPTIONS
"""

import sys
from pathlib import Path

from supervisor.__main__ import main
from supervisor.spawn import Program
from wire.names import Role

USUAL: dict[Role, str] = {
    "router": "reports",
    "gateway": "",
    "executor": "",
    "vault": "seals reports",
    "login-server": "",
}


def run() -> int:
    split = sys.argv.index("--")
    journal, changes = sys.argv[1], dict(one.split("=", 1) for one in sys.argv[2:split])
    sys.argv[1:] = sys.argv[split + 1 :]
    stand_in = str(Path(__file__).with_name("stand_in.py"))
    programs: dict[Role, Program] = {}
    for role, usual in USUAL.items():
        behaviours = changes.get(role, usual).split()
        programs[role] = Program((sys.executable, "-P", stand_in, journal, *behaviours))
    keeper = str(Path(__file__).with_name("stand_in_keeper.py"))
    programs["demo"] = Program((sys.executable, "-P", keeper))
    return main(programs)


if __name__ == "__main__":
    sys.exit(run())
