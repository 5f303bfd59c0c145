import pytest

from executor.troubles import Troubles
from wire.faults import Fault, FaultCode

CANCELED = Fault(code=FaultCode.STATEMENT_FAILED, sqlstate="57014")
FAILED = Fault(code=FaultCode.STATEMENT_FAILED, sqlstate="22012")


@pytest.mark.parametrize(
    ("troubles", "fault"),
    [
        (
            Troubles(read_only=True),
            Fault(code=FaultCode.CONNECTION_LOST, may_have_run=False),
        ),
        (
            Troubles(read_only=False, is_sent=True),
            Fault(code=FaultCode.CONNECTION_LOST, may_have_run=True),
        ),
        (Troubles(read_only=False, is_sent=True, fault=FAILED), FAILED),
        (
            Troubles(read_only=False, is_sent=True, stopped=FaultCode.DEADLINE),
            Fault(code=FaultCode.OUTCOME_UNKNOWN, may_have_run=True),
        ),
        (
            Troubles(read_only=False, stopped=FaultCode.DEADLINE),
            Fault(code=FaultCode.DEADLINE, may_have_run=False),
        ),
        (
            Troubles(read_only=True, is_sent=True, stopped=FaultCode.CANCELLED),
            Fault(code=FaultCode.CANCELLED, may_have_run=False),
        ),
    ],
)
def test_a_lost_connection_is_told_by_what_may_have_happened(
    troubles: Troubles, fault: Fault
) -> None:
    assert troubles.when_lost() == fault


def test_the_servers_own_failure_is_told_as_it_is() -> None:
    troubles = Troubles(read_only=False, is_sent=True, stopped=FaultCode.CANCELLED)

    assert troubles.when_failed(FAILED, is_late=True) is FAILED


def test_a_cancel_of_ours_is_told_by_its_reason_and_a_late_one_as_the_deadline() -> None:
    stopped = Troubles(read_only=False, is_sent=True, stopped=FaultCode.CANCELLED)
    nobody = Troubles(read_only=False, is_sent=True)

    assert stopped.when_failed(CANCELED, is_late=True).code is FaultCode.CANCELLED
    assert nobody.when_failed(CANCELED, is_late=True).code is FaultCode.DEADLINE
    assert nobody.when_failed(CANCELED, is_late=False) is CANCELED


def test_a_result_that_could_not_be_shown_is_the_reason_of_its_own_cancel() -> None:
    unfit = Fault(code=FaultCode.RESULT_TOO_LARGE)
    troubles = Troubles(
        read_only=False, is_sent=True, unfit=unfit, stopped=FaultCode.RESULT_TOO_LARGE
    )

    fault = troubles.when_failed(CANCELED, is_late=False)

    assert fault == Fault(code=FaultCode.RESULT_TOO_LARGE, may_have_run=False)
