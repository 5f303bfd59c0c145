"""Load what libraries load late, while files can still be read."""

from importlib import import_module
from typing import Final

from sqlalchemy import create_engine

_LATE: Final = (
    "encodings.ascii",
    "encodings.idna",
    "encodings.latin_1",
    "encodings.utf_8",
    "psycopg.errors",
    "sqlalchemy.dialects.mysql.pymysql",
    "sqlalchemy.dialects.postgresql.psycopg",
    "traceback",
    "zoneinfo",
)


def warm_up() -> None:
    """Import what a later statement or error would import."""
    for name in _LATE:
        import_module(name)
    for url in ("postgresql+psycopg://", "mysql+pymysql://"):
        create_engine(url).dispose()
