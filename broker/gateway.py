"""The gateway process: MCP clients on one side, the router on the other, one asyncio loop.

It sees requests and results, no secret and no database. All that decides is in its neighbors; this
file puts them together and listens to the supervisor.
"""

import asyncio
import socket
from collections.abc import Callable
from typing import Final, NoReturn

import uvloop

from broker.application import Application
from broker.identity import Door
from broker.link import RouterLink
from broker.listener import HttpServer
from broker.sdk import make_http, make_server
from broker.sealing import Sealing
from broker.settings import GatewaySettings
from broker.stdio import serve_stdio
from broker.tools import Tools
from wire.child import Birth, Control, EndedError, Heard, live, settle
from wire.control import Finish, Ready, RouterLost, RouterReady, VaultReady
from wire.drops import drop_unexpected
from wire.logs import Log
from wire.names import ANYONE

_FINISH_S: Final = 0.4
"""How long requests may still run after Finish; the supervisor kills after 1 s."""


def main() -> NoReturn:
    """Be a gateway, until the supervisor ends it or the client of its stdio has gone."""
    live(_work)


def _work(birth: Birth) -> None:
    settings = birth.settings(GatewaySettings)
    if settings.mode == "http":
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_serve_http(birth, settings))
    else:
        # Not uvloop: it makes the descriptors that it watches non-blocking, and these are shared.
        asyncio.run(_serve_client(birth, settings))


async def _serve_http(birth: Birth, settings: GatewaySettings) -> None:
    log = birth.log
    link = RouterLink(birth.configure.incarnation, waiting_max=settings.waiting_max, log=log)
    tools = Tools(link, statement_ms=settings.statement_ms, log=log)
    door = Door(
        token_sha256=settings.token_sha256, listen_hosts=settings.listen_hosts, port=settings.port
    )
    sealing = Sealing()
    sdk = make_http(make_server(tools, log))
    (listening,) = birth.descriptors
    server = HttpServer(
        Application(sdk.asgi_app, tools=tools, door=door, sealing=sealing),
        when_ready=lambda: _say_ready(birth.control, link),
        log=log,
    )

    def finish() -> None:
        server.should_exit = True
        # What is not answered by then is answered with what is known of it.
        asyncio.get_running_loop().call_later(_FINISH_S, link.end_all)

    def supervisor_gone() -> None:
        server.should_exit = server.force_exit = True

    _listen(Supervised(birth.control, link, sealing, log, finish=finish, gone=supervisor_gone))
    async with sdk.run():
        await server.serve(sockets=[socket.socket(fileno=listening)])
    link.close()


async def _serve_client(birth: Birth, settings: GatewaySettings) -> None:
    log = birth.log
    link = RouterLink(birth.configure.incarnation, waiting_max=settings.waiting_max, log=log)
    server = make_server(Tools(link, statement_ms=settings.statement_ms, log=log), log)
    incoming, outgoing = birth.descriptors
    sealing = Sealing()
    serving = asyncio.ensure_future(
        serve_stdio(
            server,
            incoming=incoming,
            outgoing=outgoing,
            principal=settings.principal or ANYONE,
            sealing=sealing,
        )
    )

    def end() -> None:
        serving.cancel()

    _listen(Supervised(birth.control, link, sealing, log, finish=end, gone=end))
    _say_ready(birth.control, link)
    await asyncio.wait({serving})
    link.close()
    if not serving.cancelled():
        serving.result()


class Supervised:
    """Heeds the supervisor, as messages come on the control socket."""

    def __init__(
        self,
        control: Control,
        link: RouterLink,
        sealing: Sealing,
        log: Log,
        *,
        finish: Callable[[], None],
        gone: Callable[[], None],
    ) -> None:
        self.control = control
        self._link = link
        self._sealing = sealing
        self._log = log
        self._finish = finish
        self._gone = gone

    def hear_supervisor(self) -> None:
        """Heed what has come; a supervisor that is gone or talks nonsense ends us."""
        try:
            while (heard := self.control.hear()) is not None:
                self._heed(heard)
        except EndedError:
            self._end()

    def _heed(self, heard: Heard) -> None:
        match heard.message, heard.descriptors:
            case RouterReady(endpoint=endpoint, public_key=public_key), ():
                self._link.router_ready(endpoint, public_key)
            case RouterLost(), ():
                self._link.router_lost()
            case VaultReady(sealing_key=sealing_key), ():
                self._sealing.vault_ready(sealing_key)
            case Finish(), ():
                self._finish()
            case message, descriptors:
                drop_unexpected(self._log, message, descriptors)

    def _end(self) -> None:
        asyncio.get_running_loop().remove_reader(self.control.fileno())
        self._gone()


def _listen(supervised: Supervised) -> None:
    supervised.control.set_blocking(blocking=False)
    loop = asyncio.get_running_loop()
    loop.add_reader(supervised.control.fileno(), supervised.hear_supervisor)


def _say_ready(control: Control, link: RouterLink) -> None:
    settle()
    control.say(Ready(public_key=link.public_key))
