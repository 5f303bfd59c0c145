"""Tool calls as bytes that no client library would send: split, chunked, cut off, escaped."""

import json
import secrets
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final, Literal

from tests.harness.system import System

ANSWER_S: Final = 20.0
MODERN: Final = "2026-07-28"
LEGACY: Final = "2025-11-25"

Spelling = Literal["raw", "ascii", "escaped"]


@dataclass(frozen=True, kw_only=True)
class Way:
    """How a call is sent over HTTP."""

    version: str = MODERN
    plain: bool = True
    """False for one that is not ours to answer beside the SDK."""
    spelling: Spelling = "raw"
    chunk_bytes: int = 0
    """Chunked transfer coding in chunks of so many bytes; 0 for a Content-Length."""
    segment_bytes: int = 0
    """Sent so many bytes at a time; 0 for all at once."""
    cut_bytes: int = 0
    """So many bytes of the body are not sent at all."""
    token: bool = True
    content_type: str = "application/json"
    keep_alive: bool = False


def json_string(text: str, spelling: Spelling) -> str:
    """Return *text* as a JSON string, spelled in one of three ways."""
    if spelling == "escaped":
        units = text.encode("utf-16-be")
        codes = (units[at : at + 2].hex() for at in range(0, len(units), 2))
        return '"' + "".join(rf"\u{code}" for code in codes) + '"'
    return json.dumps(text, ensure_ascii=spelling == "ascii")


def call_text(arguments: dict[str, object], way: Way, *, tool: str = "connect_storage") -> str:
    """Return the JSON of a call; the members of *arguments* are spelled as *way* says."""

    def spelled(value: object) -> str:
        return json_string(value, way.spelling) if isinstance(value, str) else json.dumps(value)

    members = ",".join(f"{spelled(name)}: {spelled(one)}" for name, one in arguments.items())
    meta = {
        "io.modelcontextprotocol/protocolVersion": MODERN,
        "io.modelcontextprotocol/clientCapabilities": {},
    }
    parts = [f'"name":{spelled(tool)}', f'"arguments":{{{members}}}']
    parts += [f'"_meta":{json.dumps(meta)}'] if way.version == MODERN else []
    parts += [] if way.plain else ['"unheardOf":null']
    params = ",".join(parts)
    return f'{{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{{{params}}}}}'


def send_http(system: System, text: str, way: Way) -> bytes:
    """Send one call and return all that comes back, up to the end of its answer."""
    body = text.encode()
    rest = body[: len(body) - way.cut_bytes]
    content = head_of(system, body, way) + (_chunked(rest, way) if way.chunk_bytes else rest)
    step = way.segment_bytes or len(content)
    with socket.create_connection(("127.0.0.1", system.port), ANSWER_S) as link:
        link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for at in range(0, len(content), step):
            link.sendall(content[at : at + step])
        if way.cut_bytes:
            link.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: link.recv(1 << 16), b""))


def head_of(system: System, body: bytes, way: Way) -> bytes:
    """Return the head of a request."""
    fields = {
        "host": f"127.0.0.1:{system.port}",
        "connection": "keep-alive" if way.keep_alive else "close",
        "content-type": way.content_type,
        "accept": "application/json, text/event-stream",
        "mcp-protocol-version": way.version,
        "authorization": f"Bearer {system.token if way.token else secrets.token_urlsafe(24)}",
    }
    fields |= {"mcp-method": "tools/call", "mcp-name": "connect_storage"}
    fields |= (
        {"transfer-encoding": "chunked"} if way.chunk_bytes else {"content-length": str(len(body))}
    )
    lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"POST /mcp HTTP/1.1\r\n{lines}\r\n".encode()


def _chunked(body: bytes, way: Way) -> bytes:
    size = way.chunk_bytes
    parts = [body[at : at + size] for at in range(0, len(body), size)]
    return b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"


@contextmanager
def a_stdio_client(system: System) -> Iterator[Callable[[str], dict[str, object]]]:
    """Start `strongroom stdio`; give a function that sends one line and returns the next answer."""
    command: Sequence[str] = (
        *(sys.executable, "-P", "-m", "console", "stdio"),
        *("--run-dir", str(system.run_dir)),
    )
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=system.environment()
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        stdin, stdout = process.stdin, process.stdout

        def asked(text: str) -> dict[str, object]:
            stdin.write(text.encode() + b"\n")
            stdin.flush()
            return dict(json.loads(stdout.readline()))

        yield asked
        stdin.close()
        process.wait(ANSWER_S)
