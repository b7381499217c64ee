"""The small Studio: its keys, the device that it paired, and the messages that it signs."""

from __future__ import annotations

import hashlib
import uuid
from typing import TYPE_CHECKING

from . import claims, judge, moment, wire
from .authority import HOST, Authority
from .chain import Chain
from .keys import EPOCH, Keys
from .pairing import Device, Pairing
from .session import Session
from .strict import Body, Refused, read_object

if TYPE_CHECKING:
    from pathlib import Path

    from .transport import Door

_LIFE_S = 600.0


class Studio:
    """One customer's Studio with one device."""

    def __init__(self, folder: Path) -> None:
        """Make all keys."""
        self.folder = folder
        self.authority = Authority(folder)
        self.keys = Keys("peer-tenant")
        self.chain = Chain()
        self._keyset = read_object(wire.read(self.keys.keyset(1)).payload)
        self._pairing: Pairing | None = None
        self._device: Device | None = None
        self._seq = {False: 0, True: 0}
        self._claims: set[str] = set()

    def pairing(self, door: Door) -> Pairing:
        """Open the address that devices pair at; they are told of one door."""
        self._pairing = Pairing(self.authority, self.keys, [door.offer()])
        return self._pairing

    @property
    def open_pairing(self) -> Pairing:
        """That address."""
        assert self._pairing is not None
        return self._pairing

    def close(self) -> None:
        """Close that address."""
        if self._pairing is not None:
            self._pairing.close()

    @property
    def device(self) -> Device:
        """The device that was paired last."""
        devices = self.open_pairing.devices
        assert devices, "a device is paired"
        return devices[-1]

    def admit(self, certificate: bytes, token: str) -> None:
        """Refuse a connection that does not come from the device."""
        if hashlib.sha256(certificate).hexdigest() != self.device.certificate_sha256:
            raise Refused("UNAUTHORIZED", "another certificate")
        expected = {"iss": self.device.device_id, "sub": self.device.serial, "aud": HOST}
        jti = claims.check(token, self.device.signing_key, expected)["jti"]
        if jti in self._claims:
            raise Refused("REPLAY_DETECTED", "claims of another connection")
        self._claims.add(jti)

    async def next_session(self, door: Door) -> Session:
        """Wait for the device to say hello."""
        session = await Session.begun(self, await door.next())
        assert session.hello["payload"]["serial"] == self.device.serial
        return session

    def setting(self, nonce: str) -> judge.Setting:
        """Return what messages of the device are judged by."""
        return judge.Setting(
            device_id=self.device.device_id,
            tenant_id=self.device.tenant_id,
            device_key=self.device.signing_key,
            root=self.keys.root,
            keyset=self._keyset,
            at=moment.now(),
            session_nonce=nonce,
        )

    @staticmethod
    def new_id() -> str:
        """Return a name for a message."""
        return str(uuid.uuid4())

    def message(self, kind: str, payload: Body) -> str:
        """Return a welcome or receipt, signed."""
        message_id = self.new_id()
        body = {
            "message_id": message_id,
            "correlation_id": message_id,
            "timestamp": moment.written(moment.now()),
            "schema_version": "1.0",
            "device_id": self.device.device_id,
            "tenant_id": self.device.tenant_id,
            "payload": payload,
        }
        return wire.seal(kind, body, self.keys.session)

    def command(self, kind: str, payload: Body, **changes: object) -> Body:
        """Return a command's body with the next number; `changes` go over any field."""
        urgent = kind == "EMERGENCY_STOP"
        self._seq[urgent] += 1
        return {
            "message_id": self.new_id(),
            "correlation_id": self.new_id(),
            "timestamp": moment.written(moment.now()),
            "schema_version": "1.0",
            "device_id": self.device.device_id,
            "tenant_id": self.device.tenant_id,
            "type": kind,
            "payload": payload,
            "expires_at": moment.after(_LIFE_S),
            "epoch": EPOCH,
            "seq": self._seq[urgent],
            **changes,
        }

    def signed(self, body: Body) -> str:
        """Sign a command with the key for all of them."""
        return wire.seal("command", body, self.keys.command)
