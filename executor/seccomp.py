"""Give up system calls (seccomp), for this thread and those it starts.

The filter is classic BPF over struct seccomp_data (linux/seccomp.h). It names what is refused: a
list of what is allowed would break with every C library. Which ones, `system_calls` says.
"""

import ctypes
import errno
import os
import platform
import socket
import struct
from typing import Final, NamedTuple

from executor.system_calls import OF_ITSELF, REFUSED

_PR_SET_NO_NEW_PRIVS: Final = 38
_SET_MODE_FILTER: Final = 1
_FLAG_TSYNC: Final = 1

_LOAD: Final = 0x20
_JUMP_IF_EQUAL: Final = 0x15
_JUMP_IF_AT_LEAST: Final = 0x35
_JUMP_IF_ANY_BIT: Final = 0x45
_RETURN: Final = 0x06
_KILL_PROCESS: Final = 0x8000_0000
_ERRNO: Final = 0x0005_0000
_ALLOW: Final = 0x7FFF_0000

_NUMBER_AT: Final = 0
_ARCHITECTURE_AT: Final = 4
_ARGUMENTS_AT: Final = 16
_X32_BIT: Final = 0x4000_0000

_CLONE_THREAD: Final = 0x0001_0000
_CLONE_NEW_ANY: Final = 0x7E02_0000
_MSG_FASTOPEN: Final = 0x2000_0000


class _Machine(NamedTuple):
    column: int
    architecture: int
    seccomp: int
    has_x32: bool


_MACHINES: Final = {
    "x86_64": _Machine(0, 0xC000_003E, 317, has_x32=True),
    "aarch64": _Machine(1, 0xC000_00B7, 277, has_x32=False),
}

_SCHEDULER: Final = (144, 119)
_SOCKET: Final = (41, 198)
_CLONE: Final = (56, 220)
_CLONE3: Final = (435, 435)
_PRLIMIT64: Final = (302, 261)
_SETSOCKOPT: Final = (54, 208)
# Each with the place of its flags among its arguments.
_SENDERS: Final = (((44, 206), 3), ((46, 211), 2), ((307, 269), 3))


class _Instruction(NamedTuple):
    code: int
    if_true: int
    if_false: int
    value: int


def give_up() -> list[str]:
    """Give up programs, other processes and all sockets but Unix ones; return what cannot be."""
    machine = _MACHINES.get(platform.machine())
    if machine is None:
        return ["new_sockets", "programs", "other_processes"]
    program = _filter(machine)
    packed = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *one) for one in program))
    described = struct.pack("@HxxxxxxQ", len(program), ctypes.addressof(packed))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_NO_NEW_PRIVS, ctypes.c_ulong(1), 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl")
    if libc.syscall(machine.seccomp, _SET_MODE_FILTER, _FLAG_TSYNC, described) != 0:
        if ctypes.get_errno() == errno.ENOSYS:
            return ["new_sockets", "programs", "other_processes"]
        raise OSError(ctypes.get_errno(), "seccomp")
    return []


def _filter(machine: _Machine) -> list[_Instruction]:
    column = machine.column
    program = [
        _Instruction(_LOAD, 0, 0, _ARCHITECTURE_AT),
        _Instruction(_JUMP_IF_EQUAL, 1, 0, machine.architecture),
        _return(_KILL_PROCESS),
        _Instruction(_LOAD, 0, 0, _NUMBER_AT),
    ]
    if machine.has_x32:
        program += [_Instruction(_JUMP_IF_AT_LEAST, 0, 1, _X32_BIT), _return(_KILL_PROCESS)]
    for refused in REFUSED.values():
        number = refused[column]
        if number is not None:
            program += _when(number, [_error(errno.EPERM)])
    for numbers in OF_ITSELF.values():
        program += _when(numbers[column], _unless_argument_is(0, os.getpid(), errno.EPERM))
    # libzmq sets the policy that each of its threads has already, and gives up if it may not. This
    # one does nothing, and says that it has been done.
    program += _when(_SCHEDULER[column], [_error(0)])
    # The C library then falls back to clone, whose flags a filter can see.
    program += _when(_CLONE3[column], [_error(errno.ENOSYS)])
    program += _when(_CLONE[column], _threads_only())
    program += _when(_SOCKET[column], _unless_argument_is(0, socket.AF_UNIX, errno.EAFNOSUPPORT))
    program += _when(_PRLIMIT64[column], _unless_argument_is(0, 0, errno.EPERM))
    # Whoever closes a socket that lingers sleeps, and descriptors that are passed on are closed by
    # those to whom they are passed: that would stop the vault, the router or the supervisor.
    lingering = _if_argument_is(2, socket.SO_LINGER, [_error(errno.EPERM)])
    program += _when(_SETSOCKOPT[column], _if_argument_is(1, socket.SOL_SOCKET, lingering))
    for numbers, place in _SENDERS:
        # TCP Fast Open connects without connect(2), past Landlock.
        program += _when(numbers[column], _unless_bit(place, _MSG_FASTOPEN))
    return [*program, _return(_ALLOW)]


def _when(number: int, then: list[_Instruction]) -> list[_Instruction]:
    return [_Instruction(_JUMP_IF_EQUAL, 0, len(then), number), *then]


def _threads_only() -> list[_Instruction]:
    return [
        _load_argument(0),
        _Instruction(_JUMP_IF_ANY_BIT, 0, 1, _CLONE_NEW_ANY),
        _error(errno.EPERM),
        _Instruction(_JUMP_IF_ANY_BIT, 1, 0, _CLONE_THREAD),
        _error(errno.EPERM),
        _return(_ALLOW),
    ]


def _unless_argument_is(place: int, value: int, error: int) -> list[_Instruction]:
    return [
        _load_argument(place),
        _Instruction(_JUMP_IF_EQUAL, 1, 0, value),
        _error(error),
        _return(_ALLOW),
    ]


def _if_argument_is(place: int, value: int, then: list[_Instruction]) -> list[_Instruction]:
    """Return *then* for that value of an argument, and leave for any other."""
    return [
        _load_argument(place),
        _Instruction(_JUMP_IF_EQUAL, 0, len(then), value),
        *then,
        _return(_ALLOW),
    ]


def _unless_bit(place: int, bit: int) -> list[_Instruction]:
    return [
        _load_argument(place),
        _Instruction(_JUMP_IF_ANY_BIT, 0, 1, bit),
        _error(errno.EPERM),
        _return(_ALLOW),
    ]


def _load_argument(place: int) -> _Instruction:
    # The low word, on machines that put it first; each of these arguments is an int.
    return _Instruction(_LOAD, 0, 0, _ARGUMENTS_AT + 8 * place)


def _error(number: int) -> _Instruction:
    return _return(_ERRNO | number)


def _return(value: int) -> _Instruction:
    return _Instruction(_RETURN, 0, 0, value)
