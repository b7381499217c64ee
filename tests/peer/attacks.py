"""Steps: what is forged, late or for somebody else has no effect, and its documented code."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from . import moment, wire
from .directs import LOAD
from .wire import Key

if TYPE_CHECKING:
    from .scene import Scene
    from .strict import Body

_QUIET = "HEALTH_REQUEST"


async def a_forged_signature_is_not_answered(scene: Scene) -> None:
    """Another key under a good name, a flipped bit, another body, no signature, an unknown key."""
    stop = scene.studio.command("EMERGENCY_STOP", {"scope": "all", "reason": "forged"})
    good = json.loads(wire.seal("command", stop, scene.studio.keys.command))
    other = json.loads(wire.seal("command", stop, Key.made()))
    signature = good["signatures"][0]
    flipped = bytearray(wire.decode(signature["sig"]))
    flipped[10] ^= 1
    payload = wire.decode(good["payload"]).replace(b"forged", b"changed")

    await _silent(scene, stop, "SIGNATURE_INVALID", _with(good, sig=other["signatures"][0]["sig"]))
    await _silent(scene, stop, "SIGNATURE_INVALID", _with(good, sig=wire.encode(bytes(flipped))))
    changed = json.dumps({**good, "payload": wire.encode(payload)})
    await _silent(scene, stop, "SIGNATURE_INVALID", changed)
    await _silent(scene, stop, "SIGNATURE_MISSING", json.dumps({**good, "signatures": []}))
    await _silent(scene, stop, "KEY_UNKNOWN", json.dumps(other))


async def a_key_signs_what_it_is_for(scene: Scene) -> None:
    """A session key signs no command; a key of one scope signs no other."""
    body = scene.studio.command(_QUIET, {})
    text = wire.seal("command", body, scene.studio.keys.session)
    await _silent(scene, body, "UNAUTHORIZED", text)
    load = scene.studio.command("TIMELINE_LOAD", LOAD)
    problem = await scene.refused(load, key=scene.studio.keys.narrow)
    assert problem["code"] == "UNAUTHORIZED", problem


async def another_device_is_meant(scene: Scene) -> None:
    """A command for another device or customer is not answered, but raises an alert."""
    for field in ("device_id", "tenant_id"):
        body = scene.studio.command(_QUIET, {}, **{field: "somebody-else"})
        text = wire.seal("command", body, scene.studio.keys.command)
        await _silent(scene, body, "DEVICE_MISMATCH", text)

    def told() -> str | None:
        kinds = (body["payload"]["event_type"] for kind, body in scene.session.came if kind == "event")
        return next((kind for kind in kinds if kind == "SECURITY_ALERT"), None)

    await scene.session.until("what tells Studio", told)
    assert (await scene.link())["alerts"]


async def what_is_late_early_or_endless_is_refused(scene: Scene) -> None:
    """Expired, not yet valid, with too long a life: each with its code, and nothing is done."""
    cases = {
        "EXPIRED": (-600, -1),
        "TIMESTAMP_SKEW": (600, 1200),
        "SCHEMA_INVALID": (0, 90_000),
    }
    done = (await scene.link())["carried_out"]
    for code, (begins, ends) in cases.items():
        now = moment.now()
        times = {"timestamp": moment.after(begins, now), "expires_at": moment.after(ends, now)}
        problem = await scene.refused(scene.studio.command("TIMELINE_LOAD", LOAD, **times))
        assert problem["code"] == code, problem
    assert (await scene.link())["carried_out"] == done


async def what_is_replayed_is_refused(scene: Scene) -> None:
    """Another connection's nonce, a used number, another body under a known id: REPLAY_DETECTED."""
    studio = scene.studio
    first = studio.command(_QUIET, {})
    await scene.send(first)
    await scene.completed(first)
    changed = {
        "session_nonce": studio.command(_QUIET, {}, session_nonce="0" * 32),
        "seq": studio.command(_QUIET, {}, seq=first["seq"]),
        "epoch": studio.command(_QUIET, {}, epoch=99),
    }
    for name, body in changed.items():
        problem = await scene.refused(body)
        assert problem["code"] == "REPLAY_DETECTED", f"{name}: {problem}"
    await scene.send({**first, "payload": {"sections": ["other"]}})
    end = await scene.session.answer(first["message_id"], 2)
    assert (end["status"], end["error"]["code"]) == ("rejected", "REPLAY_DETECTED"), end


async def what_is_not_there_is_told(scene: Scene) -> None:
    """Unknown types, bad arguments, other versions and what no agent does yet have their codes."""
    studio = scene.studio
    stream = {"stream_id": "program", "command": "record_start", "parameters": {}}
    faulty = {**LOAD, "timeline_id": "faulty", "segments": [{"name": "no tracks"}]}
    cases = [
        (studio.command("MAKE_COFFEE", {}), "rejected", "TYPE_UNKNOWN"),
        (studio.command("CANCEL", {}), "rejected", "SCHEMA_INVALID"),
        (studio.command(_QUIET, {}, schema_version="2.0"), "rejected", "VERSION_UNSUPPORTED"),
        (studio.command(_QUIET, {}, feature_flags=["no.such"]), "rejected", "FEATURE_DISABLED"),
        (studio.command("SCHEDULE_SET", {"schedules": []}), "rejected", "FEATURE_DISABLED"),
        (studio.command("STREAM_CONTROL", stream), "failed", "FEATURE_DISABLED"),
        (studio.command("TIMELINE_LOAD", faulty), "failed", "TIMELINE_INVALID"),
    ]
    for body, status, code in cases:
        problem = await scene.refused(body, status)
        assert problem["code"] == code, problem


async def a_revoked_key_signs_nothing(scene: Scene) -> None:
    """A newer keyset takes a key back; what it signs from then on is not answered.

    The keyset counts when it is kept: at the latest when a command after it is accepted.
    """
    narrow = scene.studio.keys.narrow
    before = scene.studio.command(_QUIET, {})
    await scene.send(before, narrow)
    await scene.completed(before)
    await scene.session.send("keyset", scene.studio.keys.keyset(2, revoked=[narrow]))
    await scene.done(_QUIET, {})
    after = scene.studio.command(_QUIET, {})
    await _silent(scene, after, "KEY_UNKNOWN", wire.seal("command", after, narrow))


def _with(envelope: Body, **changes: str) -> str:
    """Return an envelope with another signature or key name."""
    return json.dumps({**envelope, "signatures": [{**envelope["signatures"][0], **changes}]})


async def _silent(scene: Scene, body: Body, code: str, text: str) -> None:
    """Send what is refused before it is believed: counted on the device, and never answered.

    A good query after it shows that the device has gone past it.
    """
    before = (await scene.link())["refused"].get(code, 0)
    await scene.session.send("command", text)
    await scene.done(_QUIET, {})
    assert (await scene.link())["refused"].get(code, 0) == before + 1, code
    assert scene.session.acks(body["message_id"]) == [], "it is not answered"
