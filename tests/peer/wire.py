"""Envelopes: DSSE 1.0 in its JSON form over Ed25519 (PROTOCOL.md, 1).

Owns signing and verifying of bytes, and the names of keys. Does not know what a payload says
(`strict` reads it, `judge` and `device` judge it).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from .strict import Refused, Value, read_object

LONGEST = 262_144
_SPKI = bytes.fromhex("302a300506032b6570032100")


def payload_type(kind: str) -> str:
    """Return the payload type that stands for a kind of message."""
    return f"application/vnd.vistter.{kind}.v1+json"


def key_id(public_key: bytes) -> str:
    """Return the name of a public key: 16 hex digits."""
    return hashlib.sha256(_SPKI + public_key).hexdigest()[:16]


def encode(data: bytes) -> str:
    """Write standard base64."""
    return base64.b64encode(data).decode()


def decode(text: str) -> bytes:
    """Read padded base64, standard or URL-safe."""
    try:
        return base64.b64decode(text.replace("-", "+").replace("_", "/"), validate=True)
    except (binascii.Error, ValueError) as error:
        raise Refused("MALFORMED", f"not base64: {error}") from error


def signed_bytes(type_name: str, payload: bytes) -> bytes:
    """Return the bytes that a signature is over."""
    name = type_name.encode()
    return b"DSSEv1 %d %b %d %b" % (len(name), name, len(payload), payload)


@dataclass(frozen=True)
class Key:
    """A signing key with its name."""

    private: Ed25519PrivateKey

    @staticmethod
    def made() -> Key:
        """Make a key at random."""
        return Key(Ed25519PrivateKey.generate())

    @property
    def public(self) -> bytes:
        """The 32 bytes of its public half."""
        return self.private.public_key().public_bytes_raw()

    @property
    def id(self) -> str:
        """Its name."""
        return key_id(self.public)

    def signature(self, type_name: str, payload: bytes) -> dict[str, str]:
        """Sign a payload."""
        sig = self.private.sign(signed_bytes(type_name, payload))
        return {"keyid": self.id, "sig": encode(sig)}


def seal(kind: str, body: Value, *keys: Key) -> str:
    """Sign a body with each key, and write the envelope."""
    payload = json.dumps(body).encode()
    type_name = payload_type(kind)
    return write(type_name, payload, [key.signature(type_name, payload) for key in keys])


def write(type_name: str, payload: bytes, signatures: list[dict[str, str]]) -> str:
    """Write an envelope with the signatures that are given, good or not."""
    return json.dumps(
        {"payload": encode(payload), "payloadType": type_name, "signatures": signatures}
    )


@dataclass(frozen=True)
class Envelope:
    """An envelope as it was read; nothing in it is believed yet."""

    kind: str
    payload: bytes
    signatures: list[tuple[str, str]]

    def signed_by(self, keyid: str, public_key: bytes) -> bool:
        """Tell whether there is a signature by this key under this name."""
        return any(name == keyid and self._good(sig, public_key) for name, sig in self.signatures)

    def _good(self, sig: str, public_key: bytes) -> bool:
        message = signed_bytes(payload_type(self.kind), self.payload)
        try:
            Ed25519PublicKey.from_public_bytes(public_key).verify(decode(sig), message)
        except (InvalidSignature, Refused, ValueError):
            return False
        return True


def read(text: str) -> Envelope:
    """Read an envelope strictly."""
    if len(text.encode()) > LONGEST:
        raise Refused("TOO_LARGE", "the envelope is too long")
    body = read_object(text.encode())
    _only(body, {"payload", "payloadType", "signatures"})
    signatures = body["signatures"]
    if not isinstance(signatures, list) or len(signatures) > 16:
        raise Refused("MALFORMED", "signatures")
    return Envelope(
        kind=_kind(_text(body["payloadType"])),
        payload=decode(_text(body["payload"])),
        signatures=[_signature(entry) for entry in signatures],
    )


def _kind(name: str) -> str:
    kind = name.removeprefix("application/vnd.vistter.").removesuffix(".v1+json")
    if payload_type(kind) != name:
        raise Refused("TYPE_UNKNOWN", f"payload type {name}")
    return kind


def _signature(entry: Value) -> tuple[str, str]:
    if not isinstance(entry, dict):
        raise Refused("MALFORMED", "a signature is an object")
    _only(entry, {"keyid", "sig"})
    return _text(entry["keyid"]), _text(entry["sig"])


def _only(body: dict[str, Value], names: set[str]) -> None:
    if set(body) != names:
        raise Refused("MALFORMED", f"fields {sorted(body)}, not {sorted(names)}")


def _text(value: Value) -> str:
    if not isinstance(value, str):
        raise Refused("MALFORMED", "not a string")
    return value
