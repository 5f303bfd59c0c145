"""Fixtures, and nothing but fixtures."""

import sys
from pathlib import Path

import pytest

from tests.harness.system import System
from tests.unit.supervisor.stand_ins import CONFIGURATION, STAND_INS, Maker


@pytest.fixture
def stand_ins(tmp_path: Path) -> Maker:
    """Make systems of stand-ins that write down what they hear."""

    def make(*changes: str, options: tuple[str, ...] = ()) -> System:
        return System(
            configuration=CONFIGURATION,
            command=(sys.executable, "-P", STAND_INS, str(tmp_path), *changes, "--"),
            options=options,
        )

    return make
