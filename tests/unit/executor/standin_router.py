"""A supervisor and a router for a real executor process: real control packets, a real socket."""

import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Self

import msgspec
import zmq
from msgspec import Raw

from tests.unit.executor.standin_vault import SETTLED_S, StandInVault
from tests.unit.executor.statement_bench import Answer, a_payload, a_pool, a_run, structured
from wire.codec import FROM_CHILD, FROM_EXECUTOR, encode
from wire.control import Configure, Finish, Pair, Ready, RouterLost, RouterReady, ToChild
from wire.messages import FromExecutor, Hello, Ran, Stop
from wire.names import Incarnation, PoolKey, RunId
from wire.packets import receive_packet, send_packet, socket_pair
from wire.sockets import new_key_pair

INCARNATION = Incarnation("executor-1.5f3a9c21")
ROOT = Path(__file__).parents[3]
# As the supervisor does: the control socket is descriptor 3, and there is no other.
START = """
import os, sys
os.dup2(int(sys.argv[1]), 3)
os.closerange(4, 1000)
os.execv(sys.executable, [sys.executable, "-P", "-m", "executor"])
"""


class StandInRouter:
    """One life of a router, for one executor."""

    def __init__(self, directory: Path) -> None:
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._keys = new_key_pair()
        self._socket = self._context.socket(zmq.ROUTER)
        self._socket.set(zmq.CURVE_SERVER, 1)
        self._socket.set(zmq.CURVE_SECRETKEY, self._keys.secret)
        self._socket.set(zmq.LINGER, 0)
        self._socket.set(zmq.ROUTER_MANDATORY, 1)
        self.endpoint = f"ipc://{directory}/r{id(self)}.sock"
        self._socket.bind(self.endpoint)

    @property
    def ready(self) -> RouterReady:
        return RouterReady(endpoint=self.endpoint, public_key=self._keys.public)

    def hear(self, within_ms: int = int(SETTLED_S * 1000)) -> tuple[FromExecutor, bytes]:
        if not self._socket.poll(within_ms):
            raise TimeoutError("the executor says nothing")
        sender, header, payload = self._socket.recv_multipart()
        assert sender == INCARNATION.encode()
        return FROM_EXECUTOR.decode(header), payload

    def say(self, *frames: bytes) -> None:
        self._socket.send_multipart([INCARNATION.encode(), *frames])

    def run(self, number: int, query: str, pool: PoolKey | None = None, **params: object) -> None:
        run = a_run(pool or a_pool("read-only"), number, deadline_ms=20_000)
        self.say(encode(run), a_payload(query, params))

    def stop(self, number: int) -> None:
        self.say(encode(Stop(run_id=RunId(number))), b"")

    def answer(self) -> tuple[int, Answer]:
        message, payload = self.hear()
        assert isinstance(message, Ran)
        return message.run_id, structured(payload)

    def is_quiet(self) -> bool:
        return not self._socket.poll(0)

    def close(self) -> None:
        self._socket.close()
        self._context.term()


class ExecutorProcess:
    """`python -P -m executor`, as the supervisor starts it."""

    def __init__(self, adopt_dir: Path, *, slots: int = 2, **environment: str) -> None:
        self._control, theirs = socket_pair()
        with theirs:
            self.process = subprocess.Popen(
                [sys.executable, "-c", START, str(theirs.fileno())],
                env={"PYTHONPATH": os.fspath(ROOT), **environment},
                pass_fds=[theirs.fileno()],
                stderr=subprocess.PIPE,
            )
        settings = {
            "slots": slots,
            "adopt_dir": os.fspath(adopt_dir),
            "rows_max": 100,
            "result_max_bytes": 1 << 20,
            "statement_ms": 10_000,
        }
        raw = Raw(msgspec.msgpack.encode(settings))
        self.tell(Configure(incarnation=INCARNATION, settings=raw))
        ready = FROM_CHILD.decode(receive_packet(self._control).content)
        assert isinstance(ready, Ready)
        assert len(ready.public_key) == 40

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.process.kill()
        self.process.wait(SETTLED_S)
        if self.process.stderr is not None:
            self.process.stderr.close()
        self._control.close()

    def tell(self, message: ToChild, descriptors: Iterable[int] = ()) -> None:
        given = tuple(descriptors)
        send_packet(self._control, encode(message), given)
        for descriptor in given:
            os.close(descriptor)

    def meet(self, router: StandInRouter) -> Hello:
        self.tell(router.ready)
        hello, _ = router.hear()
        assert isinstance(hello, Hello)
        return hello

    def lend_from(self, vault: StandInVault) -> None:
        self.tell(Pair(role="vault", incarnation=Incarnation("vault-1.0")), [vault.executors_end()])

    def lose_router(self) -> None:
        self.tell(RouterLost())

    def finish(self) -> int:
        self.tell(Finish())
        return self.process.wait(SETTLED_S)

    def die_with_supervisor(self) -> int:
        self._control.close()
        return self.process.wait(SETTLED_S)

    def log(self) -> str:
        """Return what it wrote to its standard error; only of a process that has ended."""
        return self.process.stderr.read().decode() if self.process.stderr is not None else ""
