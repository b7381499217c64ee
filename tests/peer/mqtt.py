"""The MQTT way: one broker, the topics of one device, one PUBLISH an envelope (PROTOCOL.md, 8)."""

from __future__ import annotations

import asyncio
import ssl
from typing import TYPE_CHECKING

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion

from . import wire
from .authority import HOST, Authority
from .broker import STUDIO, Broker
from .transport import Connection, Door, Gone

if TYPE_CHECKING:
    from pathlib import Path

_ENVELOPES = frozenset({"hello", "ack", "progress", "event", "metrics"})
_PATIENCE_S = 20.0


class _Connection(Connection):
    """What comes between one hello and the next."""

    def __init__(self, door: Mqtt, below: str, hello: str) -> None:
        self._door = door
        self._below = below
        self.texts: asyncio.Queue[str | None] = asyncio.Queue()
        self.texts.put_nowait(hello)

    async def send(self, kind: str, text: str) -> None:
        """Publish: the welcome where nothing waits, all else where the broker keeps it."""
        topic, qos = ("session", 0) if kind == "welcome" else ("cmd", 1)
        self._door.client.publish(f"{self._below}/{topic}", text, qos)

    async def receive(self) -> str:
        text = await self.texts.get()
        if text is None:
            raise Gone
        return text

    async def cut(self) -> None:
        """Kill the broker, and start it anew without anything that it had."""
        await self._door.broker_restarts()
        self.texts.put_nowait(None)


class Mqtt(Door):
    """A broker, and this Studio as one of its clients."""

    kind = "mqtt"
    keeps = True

    def __init__(self, folder: Path, authority: Authority, tenant_id: str) -> None:
        """Choose a port, and prepare both."""
        self._broker = Broker(folder, authority, tenant_id)
        self.url = self._broker.url
        self._all = f"vistter/v1/{tenant_id}/+/+"
        self._came: asyncio.Queue[Connection] = asyncio.Queue()
        self._now: _Connection | None = None
        self._known: set[str] = set()
        self._subscribed = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self.client = Client(CallbackAPIVersion.VERSION2, client_id=STUDIO)
        context = ssl.create_default_context(cafile=str(authority.file))
        context.load_cert_chain(*authority.client(folder, STUDIO))
        self.client.tls_set_context(context)
        self.client.reconnect_delay_set(1, 1)
        self.client.on_connect = lambda client, *_: client.subscribe(self._all, 1)
        self.client.on_subscribe = lambda *_: self._on_loop(self._subscribed.set)
        self.client.on_message = lambda _client, _data, message: self._on_loop(
            lambda: self._take(message)
        )

    async def open(self) -> None:
        """Start the broker, and go to it."""
        await self._broker.start()
        self.client.connect(HOST, self._broker.port, keepalive=10)
        self.client.loop_start()
        await self._is_subscribed()

    async def next(self) -> Connection:
        """Wait for the next hello."""
        return await self._came.get()

    async def broker_restarts(self) -> None:
        """Kill the broker and start it; what it kept is gone."""
        self._subscribed.clear()
        await self._broker.kill()
        await self._broker.start()
        await self._is_subscribed()

    async def close(self) -> None:
        """End both."""
        self.client.disconnect()
        await asyncio.to_thread(self.client.loop_stop)
        await self._broker.kill()

    async def _is_subscribed(self) -> None:
        async with asyncio.timeout(_PATIENCE_S):
            await self._subscribed.wait()

    def _on_loop(self, call: object) -> None:
        assert callable(call)
        self._loop.call_soon_threadsafe(call)

    def _take(self, message: MQTTMessage) -> None:
        below, _, name = message.topic.rpartition("/")
        if name not in _ENVELOPES:
            return
        text = message.payload.decode()
        if name == "hello":
            if text in self._known:
                return
            self._known.add(text)
            if self._now is not None:
                self._now.texts.put_nowait(None)
            self._now = _Connection(self, below, text)
            self._came.put_nowait(self._now)
        elif self._now is not None:
            assert wire.read(text).kind == name, "each kind has its topic"
            self._now.texts.put_nowait(text)
