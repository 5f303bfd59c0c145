"""Let JSON out as it is written: the SDK would read each number and write another.

Until a request goes out, a text that nobody can guess stands where the JSON belongs.
"""

import secrets
from typing import Final

import httpx2
from msgspec import Raw

_MARK_BYTES: Final = 16


class AsWritten(httpx2.AsyncBaseTransport):
    """The network, before which each mark in a request's body becomes the JSON it stands for."""

    def __init__(self) -> None:
        # A proxy of the environment has no business between us and this machine.
        self._network = httpx2.AsyncHTTPTransport(trust_env=False)
        self._written: dict[bytes, bytes] = {}

    def mark(self, written: Raw) -> str:
        """Return the text that stands for *written*, which is valid JSON."""
        mark = secrets.token_hex(_MARK_BYTES)
        self._written[f'"{mark}"'.encode()] = bytes(written)
        return mark

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send *request*; raise what the network does."""
        return await self._network.handle_async_request(self._unmarked(request))

    async def aclose(self) -> None:
        """Close every connection."""
        await self._network.aclose()

    def _unmarked(self, request: httpx2.Request) -> httpx2.Request:
        body = request.content
        for mark, written in self._written.items():
            body = body.replace(mark, written)
        if body == request.content:
            return request
        headers = request.headers.copy()
        del headers["Content-Length"]  # made anew, of another body
        return httpx2.Request(
            request.method,
            request.url,
            headers=headers,
            content=body,
            extensions=request.extensions,
        )
