"""The WebSocket way: TLS with the device's certificate, one text message an envelope."""

from __future__ import annotations

import asyncio
import http
from typing import TYPE_CHECKING

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from . import wire
from .authority import HOST, Authority
from .strict import Refused
from .transport import Connection, Door, Gone

if TYPE_CHECKING:
    from collections.abc import Callable

    from websockets.http11 import Request, Response

_SUBPROTOCOL = Subprotocol("vistter.v1")


class _Connection(Connection):
    def __init__(self, socket: ServerConnection) -> None:
        self._socket = socket
        self.over = asyncio.Event()

    async def send(self, kind: str, text: str) -> None:  # noqa: ARG002
        try:
            await self._socket.send(text)
        except ConnectionClosed as error:
            raise Gone from error

    async def receive(self) -> str:
        try:
            message = await self._socket.recv()
        except ConnectionClosed as error:
            self.over.set()
            raise Gone from error
        if not isinstance(message, str):
            raise Refused("MALFORMED", "a binary message")
        return message

    async def cut(self) -> None:
        self._socket.transport.abort()
        self.over.set()


class Wss(Door):
    """A WebSocket server on a free port of loopback."""

    kind = "wss"
    keeps = False

    def __init__(self, admit: Callable[[bytes, str], None]) -> None:
        """Note who judges the devices that come."""
        self._admit = admit
        self._came: asyncio.Queue[Connection] = asyncio.Queue()
        self._server: Server | None = None

    async def open(self, authority: Authority) -> None:
        """Listen."""
        self._server = await serve(
            self._serve,
            "127.0.0.1",
            0,
            ssl=authority.tls(clients=True),
            subprotocols=[_SUBPROTOCOL],
            process_request=self._judge,
            max_size=wire.LONGEST,
            ping_interval=None,
        )
        port = next(iter(self._server.sockets)).getsockname()[1]
        self.url = f"wss://{HOST}:{port}/device"

    async def next(self) -> Connection:
        """Wait for the next device."""
        return await self._came.get()

    async def close(self) -> None:
        """Close every connection and stop listening."""
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()

    def _judge(self, socket: ServerConnection, request: Request) -> Response | None:
        certificate = socket.transport.get_extra_info("ssl_object").getpeercert(binary_form=True)
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        try:
            if scheme != "Bearer":
                raise Refused("UNAUTHORIZED", "no claims")
            self._admit(certificate, token)
        except Refused as refused:
            return socket.respond(http.HTTPStatus.UNAUTHORIZED, f"{refused}\n")
        return None

    async def _serve(self, socket: ServerConnection) -> None:
        if socket.subprotocol != _SUBPROTOCOL:
            return
        connection = _Connection(socket)
        await self._came.put(connection)
        await connection.over.wait()
