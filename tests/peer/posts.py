"""Steps: commands that are posted at the device itself are obeyed like any other (PROTOCOL.md, 8)."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from . import schemas, wire
from .directs import LOAD
from .wire import Key

if TYPE_CHECKING:
    from .scene import Scene
    from .strict import Body

_WHERE = "/api/commands"


async def what_is_posted_is_done_and_told_to_both(scene: Scene) -> None:
    """The answer is signed by the device; Studio has it too, and a second post does nothing."""
    body = scene.studio.command("TIMELINE_LOAD", LOAD)
    text = wire.seal("command", body, scene.studio.keys.command)
    told = await _posted(scene, text)
    assert (told["status"], told["duplicate"]) == ("completed", False), told
    schemas.check("commands/TIMELINE_LOAD", told["result"], "reply")
    assert await scene.completed(body) == told["result"]
    done = (await scene.link())["carried_out"]
    again = await _posted(scene, text)
    assert (again["status"], again["duplicate"]) == ("completed", True), again
    assert (await scene.link())["carried_out"] == done


async def what_is_posted_by_others_is_not_explained(scene: Scene) -> None:
    """A stranger's command has no effect, and is not told why."""
    body = scene.studio.command("EMERGENCY_STOP", {"scope": "all", "reason": "posted"})
    status, told = await scene.agent.post(_WHERE, wire.seal("command", body, Key.made()))
    assert (status, told["error"]["code"]) == (401, "SIGNATURE_INVALID"), told


async def a_posted_command_can_be_bound_to_the_nonce_of_the_device(scene: Scene) -> None:
    """The nonce of posts counts for posts, and that of the connection does not."""
    nonce = (await scene.agent.get(f"{_WHERE}/nonce"))["session_nonce"]
    for bound, status in ((nonce, "completed"), (scene.session.nonce, "rejected")):
        body = scene.studio.command("HEALTH_REQUEST", {}, session_nonce=bound)
        told = await _posted(scene, wire.seal("command", body, scene.studio.keys.command))
        assert told["status"] == status, told


async def _posted(scene: Scene, text: str) -> Body:
    """Post an envelope, and verify that the device signed what is answered."""
    status, told = await scene.agent.post(_WHERE, text)
    assert status == 200, told
    envelope = wire.read(json.dumps(told["envelope"]))
    device = scene.studio.device
    assert envelope.signed_by(wire.key_id(device.signing_key), device.signing_key), told
    signed = json.loads(envelope.payload)
    schemas.check("ack", signed)
    ack = signed["payload"]
    names = ("message_id", "status", "result", "error")
    assert {name: ack.get(name) for name in names} == {name: told.get(name) for name in names}
    assert ack.get("duplicate", False) == told["duplicate"]
    return told
