"""A load generator for `tools/call` over HTTP: raw sockets, one loop, any number of callers.

It costs a few microseconds a request, so that what is measured is the server.
"""

import json
import selectors
import socket
import time
from dataclasses import dataclass, field

PROTOCOL = "2026-07-28"


@dataclass
class Sample:
    """What one run showed."""

    seconds: float
    latencies_ms: list[float] = field(default_factory=list)

    @property
    def per_second(self) -> float:
        return len(self.latencies_ms) / self.seconds

    def percentile(self, share: float) -> float:
        ordered = sorted(self.latencies_ms)
        return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def request_bytes(
    host: str, port: int, token: str, tool: str, arguments: dict[str, object]
) -> bytes:
    """Return one whole HTTP request."""
    meta = {
        "io.modelcontextprotocol/protocolVersion": PROTOCOL,
        "io.modelcontextprotocol/clientCapabilities": {},
        "io.modelcontextprotocol/clientInfo": {"name": "bench", "version": "1"},
    }
    params = {"name": tool, "arguments": arguments, "_meta": meta}
    body = json.dumps(
        {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
    ).encode()
    head = (
        f"POST /mcp HTTP/1.1\r\nHost: {host}:{port}\r\nAuthorization: Bearer {token}\r\n"
        "Content-Type: application/json\r\nAccept: application/json, text/event-stream\r\n"
        f"MCP-Protocol-Version: {PROTOCOL}\r\nMcp-Method: tools/call\r\nMcp-Name: {tool}\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


class Caller:
    """One connection that always has one request in flight."""

    def __init__(self, host: str, port: int) -> None:
        self.link = socket.create_connection((host, port))
        self.link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._got = bytearray()
        self._wanted = 0
        self.began = 0.0

    def send(self, request: bytes) -> None:
        self._got.clear()
        self._wanted = 0
        self.began = time.perf_counter()
        self.link.sendall(request)

    def read(self) -> bytes | None:
        """Return the body when it is complete."""
        data = self.link.recv(1 << 20)
        if not data:
            raise ConnectionError("the server closed the connection")
        self._got += data
        if not self._wanted:
            end = self._got.find(b"\r\n\r\n")
            if end < 0:
                return None
            head = bytes(self._got[:end]).lower()
            start = head.index(b"content-length:") + len(b"content-length:")
            length = int(head[start:].split(b"\r\n", 1)[0])
            self._wanted = end + 4 + length
        if len(self._got) < self._wanted:
            return None
        head_end = self._got.find(b"\r\n\r\n") + 4
        return bytes(self._got[head_end : self._wanted])


def call(
    host: str, port: int, token: str, tool: str, arguments: dict[str, object]
) -> dict[str, object]:
    """Call a tool once and return its structured content."""
    caller = Caller(host, port)
    caller.send(request_bytes(host, port, token, tool, arguments))
    while (body := caller.read()) is None:
        pass
    caller.link.close()
    content: dict[str, object] = json.loads(body)["result"]["structuredContent"]
    return content


def drive(host: str, port: int, request: bytes, *, callers: int, seconds: float) -> Sample:
    """Keep *callers* requests in flight for *seconds*; every answer must be a success."""
    selector = selectors.DefaultSelector()
    crowd = [Caller(host, port) for _ in range(callers)]
    for caller in crowd:
        selector.register(caller.link, selectors.EVENT_READ, caller)
        caller.send(request)
    started = time.perf_counter()
    sample = Sample(seconds)
    while (now := time.perf_counter()) < started + seconds:
        for key, _ in selector.select(1.0):
            caller = key.data
            body = caller.read()
            if body is None:
                continue
            if b'"success":true' not in body[:4096] and b'\\"success\\":true' not in body[:4096]:
                raise RuntimeError(body[:500])
            sample.latencies_ms.append((time.perf_counter() - caller.began) * 1000)
            caller.send(request)
    sample.seconds = now - started
    for caller in crowd:
        caller.link.close()
    return sample
