"""A plugin of pytest: no session ends well that logged a secret, in one process or in many.

Searched is what every system's logs and output held, and what pytest captured of each test.
"""

import os
import shutil
import tempfile
from pathlib import Path
from typing import Final

import pytest

from tests.harness import canaries

SESSION: Final = pytest.StashKey[Path]()
FOUND: Final = pytest.StashKey[list[canaries.Found]]()
BEFORE: Final = pytest.StashKey[str | None]()


def pytest_configure(config: pytest.Config) -> None:
    """Make the session's directory; processes that pytest starts inherit its name."""
    if _is_worker(config):
        return
    session = Path(tempfile.mkdtemp(prefix="strongroom-canaries-"))
    canaries.make(session)
    config.stash[SESSION] = session
    config.stash[BEFORE] = os.environ.get(canaries.DIRECTORY)
    os.environ[canaries.DIRECTORY] = str(session)


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Hand in what pytest captured; a worker and its parent both do, which is harmless."""
    captured = "\n".join(text for title, text in report.sections if title.startswith("Captured"))
    canaries.hand_in(f"output of {report.nodeid}", captured.encode(errors="surrogatepass"))


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail the session for what is found."""
    directory = session.config.stash.get(SESSION, None)
    if directory is None:
        return
    found = canaries.search(directory)
    session.config.stash[FOUND] = found
    if found and session.exitstatus in {pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED}:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Tell what was found, never the secret."""
    found = terminalreporter.config.stash.get(FOUND, [])
    if found:
        terminalreporter.section("secrets in logs", red=True, bold=True)
        for one in dict.fromkeys(map(str, found)):
            terminalreporter.line(one)


def pytest_unconfigure(config: pytest.Config) -> None:
    """Remove the directory, in which every secret of the session is."""
    directory = config.stash.get(SESSION, None)
    if directory is None:
        return
    shutil.rmtree(directory)
    before = config.stash[BEFORE]
    if before is None:
        del os.environ[canaries.DIRECTORY]
    else:
        os.environ[canaries.DIRECTORY] = before


def _is_worker(config: pytest.Config) -> bool:
    """Say whether this is a process that pytest-xdist started: its parent does all this."""
    return hasattr(config, "workerinput")
