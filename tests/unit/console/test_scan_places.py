import contextlib
import os
import secrets
import socket
from pathlib import Path

import pytest

from console.scan.findings import MAX_FILE_BYTES
from console.scan.kernel import borrow_descriptor
from console.scan.needles import needles_for
from console.scan.report import Place, Report, Suspect, Verdict
from console.scan.scanner import scan
from tests.harness.memory import a_process

WIPE = "\ngiven[:] = bytes(len(given))"


def a_secret() -> bytes:
    return secrets.token_urlsafe(33).encode()


def scanned(pid: int, secret: bytes) -> Report:
    return scan([Suspect(pid, "executor")], needles_for(secret))


def in_directory(root: Path, secret: bytes) -> Report:
    return scan([], needles_for(secret), directories=[root])


def outside_memory(report: Report) -> list[tuple[Place, bool]]:
    return [(hit.place, hit.whole) for hit in report.hits if hit.place is not Place.MEMORY]


@pytest.mark.parametrize(
    ("program", "place"),
    [
        ("f = os.memfd_create('m'); os.write(f, given)", Place.DESCRIPTOR),
        ("import tempfile; f = tempfile.TemporaryFile('wb', 0); f.write(given)", Place.DESCRIPTOR),
        ("r, w = os.pipe(); os.write(w, given)", Place.PIPE),
        ("import socket; a, b = socket.socketpair(); a.send(given)", Place.SOCKET),
    ],
    ids=["memfd", "deleted file", "pipe", "socket"],
)
def test_a_secret_behind_a_descriptor_is_found_where_it_is(program: str, place: Place) -> None:
    secret = a_secret()
    with a_process(program + WIPE, secret) as pid:
        report = scanned(pid, secret)

    assert set(outside_memory(report)) == {(place, True)}


def test_a_secret_in_the_environment_or_the_command_line_is_found() -> None:
    secret = secrets.token_urlsafe(33)
    with a_process("", arguments=[secret], environment={"CREDENTIALS": f"u:{secret}"}) as pid:
        report = scanned(pid, secret.encode())

    assert set(outside_memory(report)) == {(Place.ENVIRONMENT, True), (Place.COMMAND_LINE, True)}


def test_a_short_secret_in_the_name_of_a_thread_is_found() -> None:
    secret = secrets.token_hex(6).encode()
    rename = "import ctypes; ctypes.CDLL(None).prctl(15, bytes(given))"
    with a_process(rename + WIPE, secret) as pid:
        report = scanned(pid, secret)

    assert (Place.NAME, True) in outside_memory(report)


def test_a_file_longer_than_the_limit_is_searched_up_to_it_and_the_rest_is_a_gap() -> None:
    secret = a_secret()
    write_far = f"f = os.memfd_create('m'); os.pwrite(f, given, {MAX_FILE_BYTES})"
    with a_process(write_far + WIPE, secret) as pid:
        report = scanned(pid, secret)

    assert outside_memory(report) == []
    assert report.verdict is Verdict.INCOMPLETE


def test_what_waits_in_a_pipe_is_left_there_also_if_only_its_writing_end_is_ours() -> None:
    secret = a_secret()
    reader, writer = os.pipe()
    write = f"w = os.open('/proc/{os.getpid()}/fd/{writer}', os.O_WRONLY); os.write(w, given)"
    with a_process(write + WIPE, secret) as pid:
        report = scanned(pid, secret)

    left = os.read(reader, 1000)
    os.close(reader)
    os.close(writer)
    assert outside_memory(report) == [(Place.PIPE, True)]
    assert left == secret


@pytest.mark.parametrize("kind", ["SOCK_STREAM", "SOCK_DGRAM", "SOCK_SEQPACKET"])
def test_every_message_that_waits_in_a_socket_is_looked_at_and_left_there(kind: str) -> None:
    secret = a_secret()
    send = f"""
import socket
a, b = socket.socketpair(socket.AF_UNIX, socket.{kind})
a.send(b"first,")
socket.send_fds(a, [b"second,"], [0])
a.send(given)
number = b.fileno()
os.write(1, b"%3d" % number)
"""
    with a_process(send + WIPE, secret, says=b"  4ready") as pid:
        report = scanned(pid, secret)
        left = drained(pid, 4)

    assert outside_memory(report) == [(Place.SOCKET, True)]
    assert left == b"first,second," + secret


def drained(pid: int, descriptor: int) -> bytes:
    pidfd = os.pidfd_open(pid)
    with socket.socket(fileno=borrow_descriptor(pidfd, descriptor)) as borrowed:
        borrowed.settimeout(0)
        left = b""
        with contextlib.suppress(BlockingIOError):
            while piece := borrowed.recv(1000):
                left += piece
    os.close(pidfd)
    return left


def test_what_waits_in_a_tcp_connection_is_looked_at_and_a_listener_is_no_gap() -> None:
    secret = a_secret()
    connect = """
import socket
listener = socket.create_server(("127.0.0.1", 0))
a = socket.create_connection(listener.getsockname())
b, _ = listener.accept()
a.sendall(given)
b.recv(1, socket.MSG_PEEK)
"""
    with a_process(connect + WIPE, secret) as pid:
        report = scanned(pid, secret)

    assert outside_memory(report) == [(Place.SOCKET, True)]
    assert report.unscanned == ()


def test_files_their_names_and_links_in_a_directory_are_searched(tmp_path: Path) -> None:
    secret = a_secret()
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "log").write_bytes(b"x" * 5000 + secret)
    (tmp_path / f"dump-{secret.decode()}").mkdir()
    (tmp_path / f"core.{secret.decode()}").write_bytes(b"")
    (tmp_path / "link").symlink_to(f"/nowhere/{secret.decode()}")

    report = in_directory(tmp_path, secret)

    assert sorted(hit.place for hit in report.hits) == ["file", "file", "file name", "file name"]
    assert secret.decode()[:8] not in repr(report)


def test_a_hole_in_a_file_costs_nothing_and_what_follows_it_is_found(tmp_path: Path) -> None:
    secret = a_secret()
    with (tmp_path / "sparse").open("wb") as file:
        file.seek(900 << 20)
        file.write(secret)

    report = in_directory(tmp_path, secret)

    assert [(hit.place, hit.offset) for hit in report.hits] == [(Place.FILE, 900 << 20)]
    assert report.scanned_bytes < 1 << 20


def test_a_directory_without_the_secret_is_clean_and_one_that_is_missing_is_a_gap(
    tmp_path: Path,
) -> None:
    (tmp_path / "token").write_bytes(a_secret())

    assert in_directory(tmp_path, a_secret()).verdict is Verdict.CLEAN
    assert in_directory(tmp_path / "none", a_secret()).verdict is Verdict.INCOMPLETE
