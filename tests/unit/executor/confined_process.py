"""Becomes what an executor is before its first statement, then tries one thing that it must not do.

    python confined_process.py DIRECTORY ATTEMPT ARGUMENT

Prints `done` when the attempt succeeded, else the name of what stopped it.
"""

import ctypes
import errno
import mmap
import os
import signal
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import msgspec

from executor.sandbox import confine
from executor.settings import ExecutorSettings
from executor.sqlite import fences
from executor.sqlite.settings import FileExecutorSettings
from executor.warming import warm_up
from wire.logs import Log

MSG_FASTOPEN = 0x2000_0000
LIMITS = {"rows_max": 1, "result_max_bytes": 1, "statement_ms": 1}


def main() -> None:
    directory, attempt, argument = sys.argv[1:]
    prepared = connected(argument) if attempt in ON_A_LENT_SOCKET else None
    warm_up()
    access = os.environ.get("FILE_ACCESS")
    if access is not None:
        fences.confine(file_settings(Path(directory), access), Log("file-executor-1.0"))
    elif os.environ.get("UNCONFINED") != "yes":
        confine(executor_settings(directory), Log("executor-1.0"))
    try:
        ATTEMPTS[attempt](argument, prepared)
    except OSError as error:
        outcome = errno.errorcode.get(error.errno or 0, "?")
    else:
        outcome = "done"
    sys.stdout.write(outcome)


def executor_settings(directory: str) -> ExecutorSettings:
    return ExecutorSettings(adopt_dir=directory, slots=1, **LIMITS)


def file_settings(directory: Path, access: str) -> FileExecutorSettings:
    file = {"path": str(directory / "shop.db"), "access": access}
    whole = {"slots": 1, "roots": [str(directory)], "files": {"shop": file}, **LIMITS}
    return msgspec.convert(whole, FileExecutorSettings)


def address(argument: str) -> tuple[str, int]:
    return "127.0.0.1", int(argument)


def connected(argument: str) -> socket.socket:
    return socket.create_connection(address(argument))


def lent(prepared: object) -> socket.socket:
    assert isinstance(prepared, socket.socket)
    return prepared


def system_call(number: int, *arguments: object) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.syscall(ctypes.c_long(number), *arguments) < 0:
        raise OSError(ctypes.get_errno(), "refused")


def reconnect(argument: str, prepared: object) -> None:
    link = lent(prepared)
    unspecified = (ctypes.c_char * 16)()
    ctypes.CDLL(None).connect(link.fileno(), unspecified, 16)
    link.connect(address(argument))


def fast_open(argument: str, prepared: object) -> None:
    link = lent(prepared)
    unspecified = (ctypes.c_char * 16)()
    ctypes.CDLL(None).connect(link.fileno(), unspecified, 16)
    link.sendto(b"x", MSG_FASTOPEN, address(argument))


def linger(_argument: str, prepared: object) -> None:
    lent(prepared).setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 3600))


def keep_alive(_argument: str, prepared: object) -> None:
    lent(prepared).setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    lent(prepared).setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def use_lent(_argument: str, prepared: object) -> None:
    lent(prepared).sendall(b"x")


def fork(_argument: str, _prepared: object) -> None:
    if os.fork() == 0:
        os._exit(0)


def start_thread(_argument: str, _prepared: object) -> None:
    thread = threading.Thread(target=lambda: None)
    thread.start()
    thread.join()


def make_socket(argument: str, _prepared: object) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(argument)
    Path(argument).unlink()


def connect_to_path(argument: str, _prepared: object) -> None:
    with socket.socket(socket.AF_UNIX) as link:
        link.connect(argument)


def read_memory(argument: str, _prepared: object) -> None:
    with Path(f"/proc/{argument}/mem").open("rb") as memory:
        memory.read(0)


def limit_another(argument: str, _prepared: object) -> None:
    numbers = {"x86_64": 302, "aarch64": 261}
    limit = (ctypes.c_uint64 * 2)(512, 512)
    system_call(numbers[os.uname().machine], int(argument), 7, limit, None)


def take_room(_argument: str, _prepared: object) -> None:
    # Nobody may use it, so the machine need not have it.
    mmap.mmap(-1, 6 << 30, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, 0).close()


def take_descriptors(_argument: str, _prepared: object) -> None:
    for _ in range(600):
        os.dup(0)


def make_batch(process: int) -> None:
    os.sched_setscheduler(process, os.SCHED_BATCH, os.sched_param(0))
    if os.sched_getscheduler(process) != os.SCHED_BATCH:
        raise PermissionError(errno.EPERM, "nothing has changed")


def share_memory(_argument: str, _prepared: object) -> None:
    numbers = {"x86_64": 29, "aarch64": 194}
    system_call(numbers[os.uname().machine], 0, 4096, 0o600)


def watch(_argument: str, _prepared: object) -> None:
    numbers = {"x86_64": 294, "aarch64": 26}
    system_call(numbers[os.uname().machine], 0)


def signal_itself(_argument: str, _prepared: object) -> None:
    received = []
    signal.signal(signal.SIGUSR1, lambda number, _frame: received.append(number))
    os.kill(os.getpid(), signal.SIGUSR1)
    signal.raise_signal(signal.SIGUSR1)
    assert received


Attempt = Callable[[str, object], object]

ON_A_LENT_SOCKET = ("reconnect", "fast_open", "use_lent", "linger", "keep_alive")
ATTEMPTS: dict[str, Attempt] = {
    "tcp": lambda argument, _: connected(argument).close(),
    "udp": lambda _, __: socket.socket(socket.AF_INET, socket.SOCK_DGRAM).close(),
    "netlink": lambda _, __: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW).close(),
    "vsock": lambda _, __: socket.socket(socket.AF_VSOCK, socket.SOCK_STREAM).close(),
    "reconnect": reconnect,
    "fast_open": fast_open,
    "linger": linger,
    "keep_alive": keep_alive,
    "use_lent": use_lent,
    "read": lambda argument, _: Path(argument).read_bytes(),
    "list": lambda argument, _: list(Path(argument).iterdir()),
    "write": lambda argument, _: Path(argument).write_bytes(b"x"),
    "memory": read_memory,
    "exec": lambda argument, _: subprocess.run([argument], check=True),
    "fork": fork,
    "thread": start_thread,
    "kill": lambda argument, _: os.kill(int(argument), signal.SIGURG),
    "ptrace": lambda argument, _: system_call(
        {"x86_64": 101, "aarch64": 117}[os.uname().machine], 0x4206, int(argument), 0, 0
    ),
    "io_uring": lambda _, __: system_call(425, 1, ctypes.create_string_buffer(120)),
    "user_namespace": lambda _, __: system_call(
        {"x86_64": 272, "aarch64": 97}[os.uname().machine], 0x1000_0000
    ),
    "limit_another": limit_another,
    "chmod": lambda argument, _: Path(argument).chmod(0o666),
    "chown": lambda argument, _: os.chown(argument, os.getuid(), os.getgid()),
    "touch": lambda argument, _: os.utime(argument, (1, 1)),
    "setxattr": lambda argument, _: os.setxattr(argument, "user.x", b"1"),
    "removexattr": lambda argument, _: os.removexattr(argument, "user.old"),
    "affinity": lambda argument, _: os.sched_setaffinity(int(argument), {0}),
    "batch": lambda argument, _: make_batch(int(argument)),
    "priority": lambda argument, _: os.setpriority(os.PRIO_PROCESS, int(argument), 5),
    "pidfd": lambda argument, _: os.pidfd_open(int(argument)),
    "share_memory": share_memory,
    "watch": watch,
    "room": take_room,
    "descriptors": take_descriptors,
    "signal_itself": signal_itself,
    "make_socket": make_socket,
    "connect_to_path": connect_to_path,
    "anonymous_memory": lambda _, __: mmap.mmap(-1, 4096).close(),
}

if __name__ == "__main__":
    main()
