"""A process that hangs exits not, and so nothing but its silence tells of it.

SIGSTOP is the worst of it: no thread of the process runs, and nothing that it was sent is read.
"""

import os
import signal
from collections.abc import Iterator
from functools import partial
from typing import Final

import pytest

from supervisor.pulse import BEAT_S, SILENT_S
from tests.harness.clients import McpClient
from tests.harness.databases import Databases
from tests.harness.system import System
from tests.harness.waiting import until

pytestmark = pytest.mark.faults

NOTICED_S: Final = SILENT_S + 2 * BEAT_S
"""Asked a beat after it hangs, and looked at a beat too late."""


@pytest.fixture
def system(databases: Databases) -> Iterator[System]:
    with System(
        configuration={"connections": databases.connections},
        credentials=databases.environment,
        executors=1,
    ) as running:
        yield running


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    "roles", [("vault", "router", "gateway", "executor"), ("login-server",)], ids=" ".join
)
def test_what_hangs_is_replaced_and_the_next_query_works(
    roles: tuple[str, ...], system: System
) -> None:
    with McpClient.http(system) as client:
        client.execute(client.connect("writer"), "select 1")
    hung = {role: system.pid_of(role) for role in roles}

    for pid in hung.values():
        os.kill(pid, signal.SIGSTOP)
    for role in roles:
        until(partial(says_silent, system, role), within_s=NOTICED_S)
    for role, pid in hung.items():
        system.wait_until_replaced(role, pid)

    with McpClient.http(system) as client:
        answer = client.execute(client.connect("writer"), "select 1 as n")
    assert answer["rows"] == [{"n": 1}]


def says_silent(system: System, role: str) -> bool:
    return f'"event":"child_silent","child":"{role}-1.' in system.log
