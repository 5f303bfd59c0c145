"""Who is heard at the control socket."""

import os
import socket
from pathlib import Path

from supervisor.console_socket import Caller, ConsoleSocket
from supervisor.watch import Watch
from wire.codec import encode
from wire.console import AskStatus, FromConsole
from wire.logs import Log
from wire.packets import PeerGoneError, receive_packet, send_packet


def asked_of(path: Path, *, children: set[int]) -> tuple[list[FromConsole], bool]:
    """Ask from this process; return what was heard, and whether we were turned away."""
    heard: list[FromConsole] = []

    def asked(_caller: Caller, message: FromConsole, _descriptors: tuple[int, ...]) -> None:
        heard.append(message)

    watch = Watch()
    served = ConsoleSocket(
        watch,
        path,
        asked=asked,
        left=lambda _caller: None,
        is_child=children.__contains__,
        log=Log("test"),
    )
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as link:
        link.connect(str(path))
        send_packet(link, encode(AskStatus()))
        watch.turn()
        refused = not heard and not _waits_for_us(watch, link, heard)
    served.close()
    watch.close()
    return heard, refused


def _waits_for_us(watch: Watch, link: socket.socket, heard: list[FromConsole]) -> bool:
    link.settimeout(0)
    try:
        receive_packet(link)
    except BlockingIOError:
        watch.turn()
        return bool(heard)
    except PeerGoneError:
        return False
    return True


def test_a_command_of_our_own_user_is_heard(tmp_path: Path) -> None:
    assert asked_of(tmp_path / "c", children=set()) == ([AskStatus()], False)


def test_a_process_of_ours_is_not(tmp_path: Path) -> None:
    assert asked_of(tmp_path / "c", children={os.getpid()}) == ([], True)
