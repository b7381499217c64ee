"""Steps: commands come true, once, in order, and are answered."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

from . import moment
from .scene import TIMELINE, TITLE

if TYPE_CHECKING:
    from .scene import Scene
    from .strict import Body

_BARS = {"id": "bars", "start_time": 0, "duration": 600, "action": "show_media"}
_TEXT = {"id": TITLE, "start_time": 0, "duration": 600, "action": "show_overlay"}
DOCUMENT = {
    "id": TIMELINE,
    "name": "Bars",
    "duration": 600,
    "loop": True,
    "tracks": [
        {
            "track_id": "picture",
            "type": "video",
            "cues": [{**_BARS, "params": {"pattern": "color_bars"}}],
        },
        {"track_id": "text", "type": "overlay", "cues": [{**_TEXT, "params": {"text": "first"}}]},
    ],
}
LOAD = {"timeline_id": TIMELINE, "segments": [DOCUMENT], "assets_manifest": {"assets": []}}


async def a_timeline_is_loaded_once(scene: Scene) -> None:
    """The same message twice has the same answer and one effect."""
    body = scene.studio.command("TIMELINE_LOAD", LOAD)
    await scene.send(body)
    result = await scene.completed(body)
    assert result["timeline_id"] == TIMELINE
    stored = await scene.agent.get(f"/api/timelines/{TIMELINE}")
    done = (await scene.link())["carried_out"]

    await scene.send(body)
    again = await scene.session.answer(body["message_id"], 2)
    assert again["duplicate"] is True
    assert (again["status"], again["result"]) == ("completed", result)
    assert (await scene.link())["carried_out"] == done
    assert await scene.agent.get(f"/api/timelines/{TIMELINE}") == stored


async def it_is_played_on_bars(scene: Scene) -> None:
    """The timeline runs, and the device tells so itself."""
    reply = await scene.done("TIMELINE_EXECUTE", _execute("play", output="program"))
    assert reply["status"] == "running", reply
    status = await scene.agent.get("/api/preview/status")
    assert status["is_active"] is True
    assert (await scene.agent.get("/api/timeline-execution/active"))["count"] == 1


async def it_is_held_and_goes_on(scene: Scene) -> None:
    """Pause and resume are seen on the device."""
    assert (await scene.done("TIMELINE_EXECUTE", _execute("pause")))["status"] == "paused"
    assert (await scene.agent.get("/api/preview/status"))["paused"] is True
    assert (await scene.done("TIMELINE_EXECUTE", _execute("resume")))["status"] == "running"
    assert (await scene.agent.get("/api/preview/status"))["paused"] is False


async def texts_are_changed_in_order(scene: Scene) -> None:
    """Thirty changes of one text, sent at once, are done by their times; the last one stays."""
    begun = moment.now()
    bodies = [
        scene.studio.command(
            "OVERLAY_UPDATE",
            {"overlay_id": TITLE, "edit": {"text": f"text {number}"}},
            timestamp=moment.written(begun + dt.timedelta(milliseconds=number)),
        )
        for number in range(30)
    ]
    for body in bodies:
        await scene.send(body)
    for body in bodies:
        await scene.completed(body)
    names = [body["message_id"] for body in bodies]
    for status in ("accepted", "completed"):
        assert _order(scene, names, status) == names, f"{status} in another order"
    graphics = await scene.agent.get("/api/overlays")
    assert [graphic["graphic"]["text"] for graphic in graphics] == ["text 29"]


async def cameras_are_listed(scene: Scene) -> None:
    """A query of another family: the device has no camera."""
    reply = await scene.done("CAMERA_ACTION", {"action": "list", "payload": {}})
    assert reply["cameras"] == []


async def it_is_stopped(scene: Scene) -> None:
    """The show ends by Studio's word."""
    reply = await scene.done("TIMELINE_EXECUTE", _execute("stop"))
    assert reply["status"] == "stopped", reply
    assert (await scene.agent.get("/api/preview/status"))["is_active"] is False


async def an_emergency_stop_ends_a_show(scene: Scene) -> None:
    """A show that runs ends by an emergency stop, which has a count of its own."""
    await scene.done("STREAM_CONTROL", _stream("preview_start", {"timeline_id": TIMELINE}))
    assert (await scene.agent.get("/api/preview/status"))["is_active"] is True
    reply = await scene.done("EMERGENCY_STOP", {"scope": "all", "reason": "peer"})
    assert reply["destination_ids"] == []
    assert (await scene.agent.get("/api/preview/status"))["is_active"] is False


def _order(scene: Scene, names: list[str], status: str) -> list[str]:
    """Return the commands in the order in which they came to a state."""
    told = [body["payload"] for kind, body in scene.session.came if kind == "ack"]
    return [
        ack["message_id"] for ack in told if ack["message_id"] in names and ack["status"] == status
    ]


def _execute(mode: str, **more: object) -> Body:
    return {"timeline_id": TIMELINE, "execution_mode": mode, **more}


def _stream(command: str, parameters: Body) -> Body:
    return {"stream_id": "program", "command": command, "parameters": parameters}
