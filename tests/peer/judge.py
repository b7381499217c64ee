"""What a receiver refuses, in the order of PROTOCOL.md 9, as far as it needs no memory.

Owns the verdict on one envelope. It is used on the signed samples only: it shows that the text says
enough to come to the same verdicts.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from . import moment, schemas, wire
from .strict import Body, Refused, read_object

_SIGNERS = {"command": "command", "welcome": "session", "receipt": "session"}
_SKEW = dt.timedelta(minutes=2)
_LIFE = dt.timedelta(hours=24)


@dataclass(frozen=True)
class Setting:
    """What a receiver knows when it judges."""

    device_id: str
    tenant_id: str
    device_key: bytes
    root: Body
    keyset: Body
    at: dt.datetime
    session_nonce: str


def verdict(text: str, kind: str, setting: Setting) -> Body:
    """Return the body of a message of a kind, or raise the refusal."""
    envelope = wire.read(text)
    if envelope.kind != kind:
        raise Refused("TYPE_UNKNOWN", f"{envelope.kind} where {kind} is expected")
    if kind in {"root", "keyset"}:
        return trust(envelope, setting.root)
    if not envelope.signatures:
        raise Refused("SIGNATURE_MISSING", "nobody signed it")
    if len(envelope.signatures) > 1:
        raise Refused("MALFORMED", "more than one signature")
    record = _signer(envelope, setting)
    if not envelope.signed_by(record["keyid"], wire.decode(record["public_key"])):
        raise Refused("SIGNATURE_INVALID", "the signature does not fit")
    body = read_object(envelope.payload)
    _signed_fields(kind, body, setting)
    if kind == "command":
        _command(body, record, setting)
    return body


def trust(envelope: wire.Envelope, root: Body) -> Body:
    """Return a root or keyset that enough keys of a root have signed."""
    body = read_object(envelope.payload)
    schemas.check(envelope.kind, body)
    _threshold(envelope, root)
    if envelope.kind == "root":
        if body["version"] != root["version"] + 1:
            raise Refused("REPLAY_DETECTED", "not the next root")
        _threshold(envelope, body)
    for record in body["keys"]:
        if record["alg"] != "ed25519":
            raise Refused("ALG_UNSUPPORTED", record["alg"])
        if wire.key_id(wire.decode(record["public_key"])) != record["keyid"]:
            raise Refused("MALFORMED", "a key under another's name")
    return body


def _threshold(envelope: wire.Envelope, root: Body) -> None:
    good = {
        record["keyid"]
        for record in root["keys"]
        if envelope.signed_by(record["keyid"], wire.decode(record["public_key"]))
    }
    if len(good) < root["threshold"]:
        raise Refused("SIGNATURE_INVALID", f"{len(good)} of {root['threshold']} root keys")


def _signer(envelope: wire.Envelope, setting: Setting) -> Body:
    named = envelope.signatures[0][0]
    use = _SIGNERS.get(envelope.kind)
    if use is None:
        if named != wire.key_id(setting.device_key):
            raise Refused("KEY_UNKNOWN", "not the device's key")
        return {"keyid": named, "public_key": wire.encode(setting.device_key)}
    records = [record for record in setting.keyset["keys"] if record["keyid"] == named]
    if not records or named in setting.keyset.get("revoked", []):
        raise Refused("KEY_UNKNOWN", named)
    record: Body = records[0]
    if record["use"] != use:
        raise Refused("UNAUTHORIZED", f"a {record['use']} key under a {envelope.kind}")
    begins, ends = moment.read(record["not_before"]), moment.read(record["not_after"])
    ends = min(ends, moment.read(setting.keyset["expires_at"]))
    if not begins <= setting.at < ends:
        raise Refused("EXPIRED", "the key is not valid now")
    return record


def _signed_fields(kind: str, body: Body, setting: Setting) -> None:
    schemas.check(kind, body)
    if (body["device_id"], body["tenant_id"]) != (setting.device_id, setting.tenant_id):
        raise Refused("DEVICE_MISMATCH", "for or from another device")
    if body["schema_version"].split(".")[0] != "1":
        raise Refused("VERSION_UNSUPPORTED", body["schema_version"])


def _command(body: Body, record: Body, setting: Setting) -> None:
    begins, ends = moment.read(body["timestamp"]), moment.read(body["expires_at"])
    if not begins < ends <= begins + _LIFE:
        raise Refused("SCHEMA_INVALID", "its life")
    if begins > setting.at + _SKEW:
        raise Refused("TIMESTAMP_SKEW", "not yet valid")
    if ends <= setting.at:
        raise Refused("EXPIRED", "it has ended")
    if body.get("session_nonce") not in {None, setting.session_nonce}:
        raise Refused("REPLAY_DETECTED", "bound to another connection")
    if body["epoch"] != setting.keyset["epoch"]:
        raise Refused("REPLAY_DETECTED", "another epoch")
    if body["type"] not in schemas.commands():
        raise Refused("TYPE_UNKNOWN", body["type"])
    schemas.check(f"commands/{body['type']}", body["payload"], "payload")
    if body["type"] not in record["scopes"]:
        raise Refused("UNAUTHORIZED", "not in the key's scopes")
