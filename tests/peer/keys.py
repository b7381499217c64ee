"""The keys that a Studio signs with: a root of three, and the keyset that it vouches for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import moment, wire
from .schemas import commands
from .wire import Key

if TYPE_CHECKING:
    from .strict import Body

EPOCH = 1


class Keys:
    """Root, keyset and their private halves, for one tenant."""

    def __init__(self, tenant_id: str) -> None:
        """Make all of them at random."""
        self.tenant_id = tenant_id
        self._root = [Key.made() for _ in range(3)]
        self.command = Key.made()
        self.narrow = Key.made()
        self.session = Key.made()

    @property
    def root(self) -> Body:
        """The root record that pairing gives."""
        return {
            "tenant_id": self.tenant_id,
            "version": 1,
            "threshold": 2,
            "keys": [
                {"keyid": key.id, "alg": "ed25519", "public_key": wire.encode(key.public)}
                for key in self._root
            ],
        }

    def keyset(self, version: int, *, revoked: list[Key] | None = None) -> str:
        """Return a keyset as an envelope, signed by as many root keys as it takes."""
        every = sorted(commands())
        body = {
            "tenant_id": self.tenant_id,
            "version": version,
            "epoch": EPOCH,
            "expires_at": moment.after(86_400),
            "keys": [
                _record(self.command, "command", every),
                _record(self.narrow, "command", ["HEALTH_REQUEST"]),
                _record(self.session, "session", []),
            ],
            "revoked": [key.id for key in revoked or []],
        }
        return wire.seal("keyset", body, *self._root[:2])


def _record(key: Key, use: str, scopes: list[str]) -> Body:
    return {
        "keyid": key.id,
        "alg": "ed25519",
        "public_key": wire.encode(key.public),
        "use": use,
        "scopes": scopes,
        "not_before": moment.after(-3600),
        "not_after": moment.after(86_400),
    }
