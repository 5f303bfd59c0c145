"""Systems of stand-ins: how a test makes them, and what it asks of them."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.harness.system import System

CONNECTION = {
    "type": "postgresql",
    "host": "localhost",
    "database": "d",
    "credentialsEnv": "MAIN_DB_CREDENTIALS",
    "access": "read-only",
}
CONFIGURATION = {"connections": {"main_db": CONNECTION}}
STAND_INS = str(Path(__file__).with_name("stand_in_system.py"))

Maker = Callable[..., System]


@contextmanager
def begun(system: System) -> Iterator[System]:
    """Start *system*, which need not become ready, and end it whatever happens."""
    system.begin()
    try:
        yield system
    finally:
        system.stop()


def heard(journal: Path, role: str) -> str:
    """Return what every life of *role* wrote down."""
    return "".join(path.read_text() for path in sorted(journal.glob(f"{role}-*")))
