import pytest

from executor.troubles import Troubles
from wire.faults import Fault, FaultCode

CANCELED = Fault(code=FaultCode.STATEMENT_FAILED, sqlstate="57014")
FAILED = Fault(code=FaultCode.STATEMENT_FAILED, sqlstate="22012")


def some_troubles(
    *,
    read_only: bool,
    is_sent: bool = False,
    fault: Fault | None = None,
    unfit: Fault | None = None,
    stopped: FaultCode | None = None,
) -> Troubles:
    troubles = Troubles(read_only=read_only)
    if is_sent:
        troubles.sent()
    if fault is not None:
        troubles.failed(fault)
    if unfit is not None:
        troubles.cannot_be_shown(unfit)
    if stopped is not None:
        troubles.stop(stopped)
    return troubles


@pytest.mark.parametrize(
    ("troubles", "fault"),
    [
        (
            some_troubles(read_only=True),
            Fault(code=FaultCode.CONNECTION_LOST, may_have_run=False),
        ),
        (
            some_troubles(read_only=False, is_sent=True),
            Fault(code=FaultCode.CONNECTION_LOST, may_have_run=True),
        ),
        (some_troubles(read_only=False, is_sent=True, fault=FAILED), FAILED),
        (
            some_troubles(read_only=False, is_sent=True, stopped=FaultCode.DEADLINE),
            Fault(code=FaultCode.OUTCOME_UNKNOWN, may_have_run=True),
        ),
        (
            some_troubles(read_only=False, stopped=FaultCode.DEADLINE),
            Fault(code=FaultCode.DEADLINE, may_have_run=False),
        ),
        (
            some_troubles(read_only=True, is_sent=True, stopped=FaultCode.CANCELLED),
            Fault(code=FaultCode.CANCELLED, may_have_run=False),
        ),
    ],
)
def test_a_lost_connection_is_told_by_what_may_have_happened(
    troubles: Troubles, fault: Fault
) -> None:
    assert troubles.when_lost() == fault


def test_the_servers_own_failure_is_told_as_it_is() -> None:
    troubles = some_troubles(read_only=False, is_sent=True, stopped=FaultCode.CANCELLED)

    assert troubles.when_failed(FAILED, is_cancelled=False, is_late=True) is FAILED


def test_a_cancel_of_ours_is_told_by_its_reason_and_a_late_one_as_the_deadline() -> None:
    stopped = some_troubles(read_only=False, is_sent=True, stopped=FaultCode.CANCELLED)
    nobody = some_troubles(read_only=False, is_sent=True)

    by_us = stopped.when_failed(CANCELED, is_cancelled=True, is_late=True)
    late = nobody.when_failed(CANCELED, is_cancelled=True, is_late=True)
    assert (by_us.code, late.code) == (FaultCode.CANCELLED, FaultCode.DEADLINE)
    assert nobody.when_failed(CANCELED, is_cancelled=True, is_late=False) is CANCELED


def test_a_result_that_could_not_be_shown_is_the_reason_of_its_own_cancel() -> None:
    unfit = Fault(code=FaultCode.RESULT_TOO_LARGE)
    troubles = some_troubles(
        read_only=False, is_sent=True, unfit=unfit, stopped=FaultCode.RESULT_TOO_LARGE
    )

    fault = troubles.when_failed(CANCELED, is_cancelled=True, is_late=False)

    assert fault == Fault(code=FaultCode.RESULT_TOO_LARGE, may_have_run=False)


def test_what_the_server_says_first_counts_and_what_we_refuse_counts_more() -> None:
    troubles = some_troubles(read_only=False, fault=FAILED)

    troubles.failed(CANCELED)
    said = troubles.fault
    refused = Fault(code=FaultCode.STATEMENT_REFUSED)
    troubles.refused(refused)

    assert said is FAILED
    assert troubles.fault is refused


def test_a_statement_is_stopped_once() -> None:
    troubles = some_troubles(read_only=True)

    assert troubles.stop(FaultCode.CANCELLED)
    assert not troubles.stop(FaultCode.DEADLINE)
    assert not troubles.cut_short()
    assert troubles.when_lost().code is FaultCode.CANCELLED


def test_a_read_that_was_cut_short_has_not_failed_by_our_own_cancel() -> None:
    cut, failed = (some_troubles(read_only=True, is_sent=True) for _ in range(2))

    cut.cut_short()
    for troubles in (cut, failed):
        troubles.failed(CANCELED)
        troubles.answered()

    assert cut.fault is None
    assert failed.fault is CANCELED
