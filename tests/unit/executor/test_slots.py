import select
import time

import pytest

from executor.replies import Reply
from executor.slots import Done, Slots
from executor.waiting import Patience
from tests.unit.executor.statement_bench import a_pool, a_run, fault, structured
from wire.logs import Log
from wire.messages import Run
from wire.results import success


def done(slots: Slots) -> Done:
    """Return the next reply, as the loop finds it."""
    deadline = time.monotonic() + 10
    while (found := slots.done()) is None:
        poll = select.poll()
        poll.register(slots.bell, select.POLLIN)
        assert poll.poll(max(0, (deadline - time.monotonic()) * 1000))
        slots.bell.silence()
    return found


def echo(run: Run, _payload: bytes, _patience: Patience) -> Reply:
    return Reply(success({"run": run.run_id}), lambda: None)


def some_slots(execute: object = echo, statement_ms: int = 10_000) -> Slots:
    assert callable(execute)
    made = Slots(1, execute, statement_ms=statement_ms, log=Log("executor-1.0"))
    made.start()
    return made


def test_a_bug_costs_one_run_and_no_slot(capfd: pytest.CaptureFixture[str]) -> None:
    def fail_once(run: Run, payload: bytes, patience: Patience) -> Reply:
        if run.run_id == 1:
            raise ZeroDivisionError("a sentence that may quote anything")
        return echo(run, payload, patience)

    slots = some_slots(fail_once)
    slots.submit(a_run(a_pool(), 1), b"")
    slots.submit(a_run(a_pool(), 2), b"")

    assert fault(structured(done(slots).payload))["code"] == "internal"
    assert done(slots).task.run.run_id == 2
    logged = capfd.readouterr().err
    assert "run_failed" in logged
    assert '"kind":"ZeroDivisionError","place":"test_slots.py:' in logged
    assert "a sentence" not in logged


def test_a_bug_after_the_reply_is_no_second_reply() -> None:
    def fail() -> None:
        raise ZeroDivisionError

    def fail_afterwards(_run: Run, _payload: bytes, _patience: Patience) -> Reply:
        return Reply(success({}), fail)

    slots = some_slots(fail_afterwards)
    slots.submit(a_run(a_pool(), 1), b"")
    first = done(slots)
    slots.submit(a_run(a_pool(), 2), b"")

    assert [first.task.run.run_id, done(slots).task.run.run_id] == [1, 2]
    assert slots.done() is None


def test_replies_that_nobody_asked_for_any_more_are_dropped() -> None:
    slots = some_slots()
    slots.submit(a_run(a_pool(), 1), b"")
    slots.forget_all()
    slots.submit(a_run(a_pool(), 2), b"")

    assert done(slots).task.run.run_id == 2
    assert slots.done() is None


def test_no_run_outlasts_the_executors_own_limit() -> None:
    def until_it_is_over(_run: Run, _payload: bytes, patience: Patience) -> Reply:
        return Reply(success({"left_s": patience.left_s()}), lambda: None)

    slots = some_slots(until_it_is_over, statement_ms=1_000)
    slots.submit(a_run(a_pool(), 1, deadline_ms=20_000), b"")
    slots.submit(a_run(a_pool(), 2, deadline_ms=500), b"")

    left = [structured(done(slots).payload)["left_s"] for _ in range(2)]

    assert isinstance(left[0], float)
    assert isinstance(left[1], float)
    assert left[0] <= 1.0
    assert left[1] <= 0.5


def test_a_pool_is_stopped_without_touching_another() -> None:
    stopped: dict[int, bool] = {}
    pools = {1: a_pool(principal="a"), 2: a_pool(principal="b")}

    def look(run: Run, _payload: bytes, patience: Patience) -> Reply:
        stopped[run.run_id] = patience.is_over()
        return Reply(success({}), lambda: None)

    slots = Slots(1, look, statement_ms=10_000, log=Log("executor-1.0"))
    for number, pool in pools.items():
        slots.submit(a_run(pool, number), b"")

    slots.stop_pool(pools[1])
    slots.start()

    assert {done(slots).task.run.run_id for _ in pools} == {1, 2}
    assert stopped == {1: True, 2: False}
