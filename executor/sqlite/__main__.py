"""Start a file executor: `python -P -m executor.sqlite`, with the supervisor at descriptor 3."""

import sqlite3
from importlib import import_module
from typing import Final, NoReturn

from sqlalchemy import create_pool_from_url

from executor.service import Service
from executor.slots import Slots
from executor.sqlite.executions import FileExecutions
from executor.sqlite.fences import confine
from executor.sqlite.settings import FileExecutorSettings
from executor.waiting import Bell
from wire.child import Birth, live, settle
from wire.codec import TO_EXECUTOR
from wire.control import Ready
from wire.dealer import Dealer

_LATE: Final = (
    "encodings.idna",
    "encodings.utf_8",
    "sqlalchemy.dialects.sqlite.pysqlite",
    "traceback",
)


def main() -> NoReturn:
    """Be a file executor until the supervisor ends it or is gone."""
    live(lambda birth: _service(birth).run())


def _service(birth: Birth) -> Service:
    log = birth.log
    settings = birth.settings(FileExecutorSettings)
    router = Dealer(birth.configure.incarnation, TO_EXECUTOR, slots=settings.slots)
    bell = Bell()
    executions = FileExecutions(settings, log, wake=bell.ring)
    slots = Slots(
        settings.slots, executions.execute, statement_ms=settings.statement_ms, log=log, bell=bell
    )
    _warm_up()
    confine(settings, log)
    settle()
    slots.start()
    birth.control.set_blocking(blocking=False)
    birth.control.say(Ready(public_key=router.public_key))
    return Service(
        birth.control, router, slots, log, close=executions.pools.close, tend=executions.tend
    )


def _warm_up() -> None:
    """Load what is loaded late, while files can still be read."""
    for name in _LATE:
        import_module(name)
    create_pool_from_url("sqlite+pysqlite://").dispose()
    sqlite3.connect(":memory:").close()


if __name__ == "__main__":
    main()
