"""Start an executor: `python -P -m executor`, with the supervisor at descriptor 3."""

from typing import NoReturn

from executor.borrowing import VaultLink
from executor.executions import Executions
from executor.lender import VaultLender
from executor.postgresql.adoption import forget_environment
from executor.sandbox import confine
from executor.service import Service
from executor.settings import ExecutorSettings
from executor.slots import Slots
from executor.warming import warm_up
from wire.child import Birth, live, settle
from wire.codec import TO_EXECUTOR
from wire.control import Ready
from wire.dealer import Dealer


def main() -> NoReturn:
    """Be an executor until the supervisor ends it or is gone."""
    forget_environment()
    live(lambda birth: _service(birth).run())


def _service(birth: Birth) -> Service:
    log = birth.log
    settings = birth.settings(ExecutorSettings)
    vault = VaultLink()
    router = Dealer(birth.configure.incarnation, TO_EXECUTOR, slots=settings.slots)
    executions = Executions(settings, vault)
    slots = Slots(settings.slots, executions.execute, statement_ms=settings.statement_ms, log=log)
    warm_up()
    confine(settings, log)
    settle()
    slots.start()
    birth.control.set_blocking(blocking=False)
    birth.control.say(Ready(public_key=router.public_key))
    return Service(
        birth.control,
        router,
        slots,
        log,
        close=executions.engines.close,
        lender=VaultLender(vault, executions.engines, slots, log),
    )


if __name__ == "__main__":
    main()
