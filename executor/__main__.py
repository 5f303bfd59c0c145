"""Start an executor: `python -P -m executor`, with the supervisor at descriptor 3."""

import logging
import os

import msgspec

from executor.adopt.psycopg import forget_environment
from executor.borrowing import VaultLink
from executor.executions import Executions
from executor.sandbox import confine
from executor.service import Service
from executor.settings import ExecutorSettings
from executor.warming import warm_up
from executor.workers import Workers
from wire.child import Birth, begin, settle
from wire.codec import TO_EXECUTOR
from wire.control import Ready
from wire.dealer import Dealer
from wire.logs import Log
from wire.packets import PeerGoneError


def main() -> None:
    """Be an executor until the supervisor ends it or is gone."""
    forget_environment()
    # Libraries log what they fail on, with its values; what matters is logged by us.
    logging.disable(logging.CRITICAL)
    birth = begin()
    log = Log(birth.configure.incarnation)
    # Not by way of the interpreter's end, which would wait for threads that wait for databases.
    os._exit(_serve(birth, log))


def _serve(birth: Birth, log: Log) -> int:
    service = _service(birth, log)
    try:
        service.run()
    except PeerGoneError:
        log.debug("supervisor_gone")
    except Exception as error:  # noqa: BLE001 (the loop's edge: the supervisor starts another one)
        log.critical("executor_failed", kind=type(error).__name__)
        return 1
    return 0


def _service(birth: Birth, log: Log) -> Service:
    settings = msgspec.msgpack.decode(birth.configure.settings, type=ExecutorSettings)
    vault = VaultLink()
    router = Dealer(birth.configure.incarnation, TO_EXECUTOR, slots=settings.slots)
    executions = Executions(settings, vault)
    workers = Workers(
        settings.slots, executions.execute, statement_ms=settings.statement_ms, log=log
    )
    warm_up()
    confine(settings, log)
    settle()
    workers.start()
    birth.control.set_blocking(blocking=False)
    birth.control.say(Ready(public_key=router.public_key))
    return Service(birth.control, router, vault, executions, workers, log)


if __name__ == "__main__":
    main()
