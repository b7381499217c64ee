"""The session's claims: a JWT that the device signs for each connection (PROTOCOL.md, 8)."""

from __future__ import annotations

import time

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from . import wire
from .strict import Body, Refused, read_object

_LIFE_S = 300


def check(token: str, public_key: bytes, expected: Body) -> Body:
    """Return the claims of a token that the device's key signed, and that say what is expected."""
    parts = token.split(".")
    if len(parts) != 3:
        raise Refused("MALFORMED", "a JWT has three parts")
    header, claims = (read_object(_part(part)) for part in parts[:2])
    if header["alg"] != "EdDSA":
        raise Refused("ALG_UNSUPPORTED", f"alg {header['alg']}")
    try:
        key = Ed25519PublicKey.from_public_bytes(public_key)
        key.verify(_part(parts[2]), ".".join(parts[:2]).encode())
    except InvalidSignature as error:
        raise Refused("SIGNATURE_INVALID", "the claims' signature") from error
    for name, value in expected.items():
        if claims[name] != value:
            raise Refused("UNAUTHORIZED", f"{name} is {claims[name]}, not {value}")
    if claims["exp"] - claims["iat"] != _LIFE_S or not -60 < time.time() - claims["iat"] < _LIFE_S:
        raise Refused("EXPIRED", "the claims' life")
    if not claims["jti"] or not claims["fw"]:
        raise Refused("MALFORMED", "jti and fw")
    return claims


def _part(text: str) -> bytes:
    return wire.decode(text + "=" * (-len(text) % 4))
