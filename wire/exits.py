"""The exit status that more than one program of ours ends with.

Standard library only: the take-out imports this before anything else.
"""

from typing import Final

EXIT_CANNOT_START: Final = 2
"""Configuration, credentials, port, run directory or demo: something is not as it must be."""
