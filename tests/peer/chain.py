"""The chain of a device's durable messages: nothing is missing or forked (PROTOCOL.md, 7)."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .strict import Body


class Chain:
    """What is known of one device's chains, one for each start of its agent."""

    def __init__(self) -> None:
        """Know nothing yet."""
        self._ends: dict[str, tuple[int, str]] = {}
        self._known: dict[str, str] = {}

    def follow(self, body: Body, text: str) -> bool:
        """Check a message's place. False: it is a repetition of one that is known."""
        digest = hashlib.sha256(text.encode()).hexdigest()
        known = self._known.get(body["message_id"])
        if known is not None:
            assert known == digest, "a repeated message has other bytes"
            return False
        place = body["chain"]
        seq, before = self._ends.get(place["boot_id"], (0, None))
        assert place["device_seq"] == seq + 1, f"number {place['device_seq']} after {seq}"
        assert place.get("prev_hash") == before, "the chain forks"
        self._ends[place["boot_id"]] = (seq + 1, digest)
        self._known[body["message_id"]] = digest
        return True
