"""What a person types: strongroom up, stdio, query, status, prove."""

import os
import sys
from pathlib import Path

if os.geteuid() == 0 and Path(__file__).stat().st_uid != 0:
    # `sudo strongroom prove` in a user's checkout leaves no file there that only root can remove.
    sys.dont_write_bytecode = True
