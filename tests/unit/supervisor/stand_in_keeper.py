"""A demo's keeper that is ready at once and does not end when told to."""

import os
import signal

from wire.control import CONTROL_FD

if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    os.write(CONTROL_FD, b"ready\n")
    signal.pause()
