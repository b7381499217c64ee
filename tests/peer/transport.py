"""The one door between a Studio and the ways a device can come to it.

Owns what every way has in common: a device comes, texts go both ways, the device goes. A text is
one envelope; nothing here looks into it. `wss` and `mqtt` are such ways.
"""

from __future__ import annotations

import abc
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .strict import Body


class Gone(Exception):  # noqa: N818
    """The connection is at its end."""


class Connection(abc.ABC):
    """One connection of one device."""

    @abc.abstractmethod
    async def send(self, kind: str, text: str) -> None:
        """Send an envelope; some ways have a place for each kind."""

    @abc.abstractmethod
    async def receive(self) -> str:
        """Return the next envelope, or raise `Gone`."""

    @abc.abstractmethod
    async def cut(self) -> None:
        """End the connection without a word."""


class Door(abc.ABC):
    """A way that devices come by."""

    kind: str
    url: str
    # Whether something between keeps what is sent until the device takes it.
    keeps: bool

    @abc.abstractmethod
    async def next(self) -> Connection:
        """Wait for the next device that was let in."""

    @abc.abstractmethod
    async def close(self) -> None:
        """Close it for good."""

    def offer(self) -> Body:
        """Return what pairing tells of it."""
        return {"kind": self.kind, "url": self.url, "priority": 1}
