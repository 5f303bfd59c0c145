"""What Strongroom's processes say to one another; the only code on both sides of a fence."""

from typing import Final

PROTOCOL_VERSION: Final = 2
"""Raised when a message changes in a way that an older peer would misread."""
