"""Which version of Strongroom this is.

Written here and not looked up: a package's metadata has its README in it, and a text that speaks of
passwords has no business in the memory of every process.
"""

from typing import Final

VERSION: Final = "0.1.0"
"""What pyproject.toml takes as the version of the package."""
