"""One connection of a paired device: hello, welcome, what comes, and its receipts.

Owns reading and verifying what the device says. What is said to it is written by `studio`.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, TypeVar

from . import judge, moment, wire
from .strict import Body, Refused
from .transport import Connection, Gone

if TYPE_CHECKING:
    from collections.abc import Callable

    from .studio import Studio

T = TypeVar("T")

PATIENCE_S = 40.0
FINAL = frozenset({"completed", "rejected", "failed", "cancelled", "superseded"})
_TOLD = ("ack", "event", "progress", "metrics")


class Session:
    """A connection, from its hello on."""

    def __init__(self, studio: Studio, connection: Connection, hello: Body) -> None:
        """Begin to read. `hello` is verified already."""
        self._studio = studio
        self._connection = connection
        self._changed = asyncio.Event()
        self._failure: BaseException | None = None
        self.hello = hello
        self.nonce: str = hello["payload"]["session_nonce"]
        self.came: list[tuple[str, Body]] = []
        self.repeated: list[str] = []
        self.with_receipts = True
        self._reader = asyncio.create_task(self._read())

    @staticmethod
    async def begun(studio: Studio, connection: Connection) -> Session:
        """Read the hello of a connection, and judge it."""
        async with asyncio.timeout(PATIENCE_S):
            text = await connection.receive()
        return Session(studio, connection, judge.verdict(text, "hello", studio.setting("")))

    async def send(self, kind: str, text: str) -> None:
        """Send an envelope."""
        await self._connection.send(kind, text)

    async def welcome(self, **changes: object) -> None:
        """Answer the hello."""
        now = moment.written(moment.now())
        body = {
            "session_id": self._studio.new_id(),
            "session_nonce": self.nonce,
            "server_time": now,
            "schema_version": "1.0",
            "heartbeat_interval_s": 15,
            "metrics_interval_s": 30,
            **changes,
        }
        await self.send("welcome", self._studio.message("welcome", body))

    async def end(self) -> None:
        """Cut the connection, and wait until nothing more comes."""
        await self._connection.cut()
        await asyncio.wait([self._reader], timeout=PATIENCE_S)
        self.raise_failure()

    def raise_failure(self) -> None:
        """Raise what went wrong while reading."""
        if self._failure is not None and not isinstance(self._failure, Gone):
            raise self._failure

    async def until(self, what: str, found: Callable[[], T | None]) -> T:
        """Wait for something in what came."""
        try:
            async with asyncio.timeout(PATIENCE_S):
                while True:
                    value = found()
                    if value is not None:
                        return value
                    if self._failure is not None:
                        raise self._failure
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError as error:
            raise AssertionError(f"{what} did not come; what came: {self.came[-6:]}") from error

    def acks(self, message_id: str) -> list[Body]:
        """Return what was answered to a command so far, without repetitions from the outbox."""
        return [
            body
            for kind, body in self.came
            if kind == "ack" and body["payload"]["message_id"] == message_id
        ]

    async def answer(self, message_id: str, nth: int = 1) -> Body:
        """Wait for the nth final answer to a command, and return its payload."""

        def final() -> Body | None:
            ends = [a for a in self.acks(message_id) if a["payload"]["status"] in FINAL]
            return ends[nth - 1]["payload"] if len(ends) >= nth else None

        return await self.until(f"the end of {message_id}", final)

    async def _read(self) -> None:
        try:
            while True:
                await self._take(await self._connection.receive())
        except (Gone, Refused, AssertionError, KeyError) as error:
            self._failure = error
            self._changed.set()

    async def _take(self, text: str) -> None:
        kind = wire.read(text).kind
        if kind not in _TOLD:
            raise Refused("TYPE_UNKNOWN", f"{kind} from a device")
        body = judge.verdict(text, kind, self._studio.setting(self.nonce))
        if body.get("chain") is None:
            self.came.append((kind, body))
        else:
            if self._studio.chain.follow(body, text):
                self.came.append((kind, body))
            else:
                self.repeated.append(body["message_id"])
            if self.with_receipts:
                receipt = {"message_ids": [body["message_id"]]}
                await self.send("receipt", self._studio.message("receipt", receipt))
        self._changed.set()
