"""A real gateway process under a stand-in supervisor.

Run as a program, it is the command of a stdio client: `python -m tests.unit.broker.gateway_process
ENDPOINT KEY` gives its own standard streams to a gateway, as `strongroom stdio` does.
"""

import os
import socket
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Self

import msgspec

import wire
from wire.codec import FROM_CHILD, encode
from wire.control import CONTROL_FD, Configure, Finish, Ready, RouterReady, ToChild
from wire.names import Incarnation
from wire.packets import receive_packet, send_packet, socket_pair

REPOSITORY = Path(wire.__file__).parent.parent
READY_S = 20.0
LIMITS: dict[str, object] = {"statement_ms": 30_000, "waiting_max": 1024}


class GatewayProcess:
    """A gateway that was started and not yet told about any router."""

    def __init__(self, settings: dict[str, object], descriptors: Sequence[int]) -> None:
        self._control, theirs = socket_pair()
        self._control.settimeout(READY_S)
        with theirs:
            self.pid = os.posix_spawn(
                sys.executable,
                [sys.executable, "-P", "-m", "broker", "gateway"],
                {"PYTHONPATH": str(REPOSITORY), "PATH": os.environ["PATH"]},
                file_actions=[
                    (os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDONLY, 0),
                    (os.POSIX_SPAWN_DUP2, 2, 1),
                    (os.POSIX_SPAWN_DUP2, theirs.fileno(), CONTROL_FD),
                ],
            )
        configure = Configure(
            incarnation=Incarnation("gateway-1.process"),
            settings=msgspec.Raw(msgspec.msgpack.encode({**LIMITS, **settings})),
        )
        try:
            send_packet(self._control, encode(configure), descriptors)
            ready = FROM_CHILD.decode(receive_packet(self._control).content)
        except BaseException:
            self._control.close()
            raise
        assert isinstance(ready, Ready)
        self.public_key = ready.public_key

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self._control.close()

    def tell(self, message: ToChild) -> None:
        """Say something that a supervisor says."""
        send_packet(self._control, encode(message))

    def use_router(self, endpoint: str, public_key: bytes) -> None:
        """Tell where the router is."""
        self.tell(RouterReady(endpoint=endpoint, public_key=public_key))

    def finish(self) -> int:
        """Ask for the end, and return the exit code."""
        self.tell(Finish())
        return self.wait()

    def vanish(self) -> int:
        """Close the control socket as a supervisor's death does, and return the exit code."""
        self._control.close()
        return self.wait()

    def wait(self) -> int:
        """Return the exit code."""
        _, status = os.waitpid(self.pid, 0)
        return os.waitstatus_to_exitcode(status)


def listening_socket() -> socket.socket:
    """Return a socket that listens on a free port of the loopback address."""
    return socket.create_server(("127.0.0.1", 0))


def main(endpoint: str, public_key: str) -> int:
    """Hand our standard streams to a gateway, and return its exit code."""
    with GatewayProcess({"mode": "stdio", "principal": "uid:1000"}, [0, 1]) as gateway:
        gateway.use_router(endpoint, public_key.encode())
        return gateway.wait()


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
