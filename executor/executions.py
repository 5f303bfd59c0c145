"""One run from its payload to its reply; no driver's error gets any further than this."""

from typing import Final

from executor.borrowing import VaultLink
from executor.engines import EveryEngine
from executor.mysql.executions import OnMysql
from executor.postgresql.executions import OnPostgresql
from executor.replies import Ready, Reply, fault_before_sending, no_run, reply_to
from executor.settings import ExecutorSettings
from executor.waiting import Patience, StoppedError
from wire.faults import Fault, FaultCode, RefusedError
from wire.messages import Run


class Executions:
    """Runs statements, each in the thread that asks."""

    def __init__(self, settings: ExecutorSettings, vault: VaultLink) -> None:
        self.postgresql: Final = OnPostgresql(settings, vault)
        self.mysql: Final = OnMysql(settings, vault)
        every = (self.postgresql.engines, self.mysql.engines)
        self.engines: Final = EveryEngine(every, vault.disposed)

    def execute(self, run: Run, payload: bytes, patience: Patience) -> Reply:
        """Return the reply to *run*, whatever becomes of it."""
        try:
            ready = self._ready(run, payload, patience)
        except RefusedError as error:
            return no_run(error.fault)
        except StoppedError as error:
            return no_run(fault_before_sending(error.code))
        try:
            outcome = ready.run()
            ready.done()
            return reply_to(outcome, lambda: ready.give_back(is_reusable=outcome.is_reusable))
        except BaseException:
            ready.give_back(is_reusable=False)
            raise

    def _ready(self, run: Run, payload: bytes, patience: Patience) -> Ready:
        match run.engine:
            case "postgresql":
                return self.postgresql.ready(run, payload, patience)
            case "mysql":
                return self.mysql.ready(run, payload, patience)
            case _:
                raise RefusedError(Fault(code=FaultCode.INTERNAL))
