"""Start the keeper: `python -P -m console.demo`, with the options that a DemoPlan's command has."""

import argparse
import sys
from pathlib import Path

from console.demo.keeper import keep


def main() -> int:
    """Keep one demo database until told to stop, and return the exit status."""
    parser = argparse.ArgumentParser(prog="console.demo", allow_abbrev=False)
    parser.add_argument("--directory", type=Path, required=True, metavar="DIR")
    parser.add_argument("--programs", type=Path, required=True, metavar="DIR")
    parser.add_argument("--parent", type=int, required=True, metavar="PID")
    parser.add_argument("--ready-fd", type=int, default=None, metavar="FD")
    options = parser.parse_args()
    return keep(
        options.directory, options.programs, parent=options.parent, ready_fd=options.ready_fd
    )


if __name__ == "__main__":
    sys.exit(main())
