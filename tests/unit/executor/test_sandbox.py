import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from executor import landlock

PROGRAM = Path(__file__).with_name("confined_process.py")
ROOT = Path(__file__).parents[3]

needs_landlock = pytest.mark.skipif(
    sys.platform != "linux" or landlock.version() < 6,
    reason="this kernel has no Landlock of version 6",
)


@pytest.fixture
def port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0), backlog=8) as server:
        yield int(server.getsockname()[1])


@pytest.fixture
def sibling() -> Iterator[int]:
    with subprocess.Popen(["/bin/sleep", "60"]) as process:
        yield process.pid
        process.kill()


@pytest.fixture
def theirs(tmp_path: Path) -> Path:
    path = tmp_path / "theirs"
    path.touch(mode=0o600)
    return path


@pytest.fixture
def arguments(
    port: int, sibling: int, adopt_dir: Path, tmp_path: Path, theirs: Path
) -> dict[str, str]:
    return {
        "port": str(port),
        "sibling": str(sibling),
        "beside": os.fspath(tmp_path / "new"),
        "inside": os.fspath(adopt_dir / "new"),
        "passwd": "/etc/passwd",
        "etc": "/etc",
        "theirs": os.fspath(theirs),
        "program": "/bin/true",
        "nothing": "",
    }


def outcome(directory: Path, attempt: str, argument: str, *, confined: bool = True) -> str:
    done = subprocess.run(
        [sys.executable, PROGRAM, directory, attempt, argument],
        env={"PYTHONPATH": os.fspath(ROOT), "UNCONFINED": "no" if confined else "yes"},
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    assert done.stderr == ""
    return done.stdout.strip()


REFUSED = [
    ("tcp", "port", "EAFNOSUPPORT"),
    ("udp", "nothing", "EAFNOSUPPORT"),
    ("netlink", "nothing", "EAFNOSUPPORT"),
    ("reconnect", "port", "EACCES"),
    ("fast_open", "port", "EPERM"),
    ("linger", "port", "EPERM"),
    ("read", "passwd", "EACCES"),
    ("list", "etc", "EACCES"),
    ("write", "beside", "EACCES"),
    ("write", "inside", "EACCES"),
    ("memory", "sibling", "EACCES"),
    ("exec", "program", "EPERM"),
    ("fork", "nothing", "EPERM"),
    ("kill", "sibling", "EPERM"),
    ("ptrace", "sibling", "EPERM"),
    ("io_uring", "nothing", "EPERM"),
    ("user_namespace", "nothing", "EPERM"),
    ("limit_another", "sibling", "EPERM"),
    ("make_socket", "beside", "EACCES"),
    ("chmod", "theirs", "EPERM"),
    ("chown", "theirs", "EPERM"),
    ("touch", "theirs", "EPERM"),
    ("setxattr", "theirs", "EPERM"),
    ("removexattr", "theirs", "EPERM"),
    ("affinity", "sibling", "EPERM"),
    ("priority", "sibling", "EPERM"),
    ("batch", "sibling", "EPERM"),
    ("pidfd", "sibling", "EPERM"),
    ("share_memory", "nothing", "EPERM"),
    ("watch", "nothing", "EPERM"),
    ("room", "nothing", "ENOMEM"),
    ("descriptors", "nothing", "EMFILE"),
]


@needs_landlock
@pytest.mark.parametrize(
    ("attempt", "name", "expected"), REFUSED, ids=[f"{one[0]} {one[1]}" for one in REFUSED]
)
def test_a_confined_executor_cannot(
    adopt_dir: Path, arguments: dict[str, str], attempt: str, name: str, expected: str
) -> None:
    assert outcome(adopt_dir, attempt, arguments[name]) == expected


@pytest.mark.parametrize(
    ("attempt", "name"),
    [
        ("tcp", "port"),
        ("udp", "nothing"),
        ("reconnect", "port"),
        ("linger", "port"),
        ("read", "passwd"),
        ("list", "etc"),
        ("write", "beside"),
        ("exec", "program"),
        ("fork", "nothing"),
        ("kill", "sibling"),
        ("limit_another", "sibling"),
        ("make_socket", "beside"),
        ("chmod", "theirs"),
        ("chown", "theirs"),
        ("touch", "theirs"),
        ("affinity", "sibling"),
        ("priority", "sibling"),
        ("batch", "sibling"),
        ("pidfd", "sibling"),
        ("share_memory", "nothing"),
        ("watch", "nothing"),
        ("room", "nothing"),
        ("descriptors", "nothing"),
    ],
)
def test_the_same_attempt_succeeds_without_confinement(
    adopt_dir: Path, arguments: dict[str, str], attempt: str, name: str
) -> None:
    assert outcome(adopt_dir, attempt, arguments[name], confined=False) == "done"


@pytest.mark.parametrize(
    ("attempt", "name"),
    [
        ("use_lent", "port"),
        ("keep_alive", "port"),
        ("thread", "nothing"),
        ("make_socket", "inside"),
        ("anonymous_memory", "nothing"),
        ("signal_itself", "nothing"),
    ],
)
def test_a_confined_executor_still_can(
    adopt_dir: Path, arguments: dict[str, str], attempt: str, name: str
) -> None:
    assert outcome(adopt_dir, attempt, arguments[name]) == "done"


def test_a_confined_executor_still_reaches_the_routers_socket(
    adopt_dir: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("r") / "router.sock"

    with socket.socket(socket.AF_UNIX) as router:
        router.bind(os.fspath(path))
        router.listen()

        assert outcome(adopt_dir, "connect_to_path", os.fspath(path)) == "done"
