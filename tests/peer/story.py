"""The story that is told once for each way to Studio, step by step, with one agent."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from . import attacks, directs, pairs, posts, returns
from .agent import Agent
from .mqtt import Mqtt
from .scene import Scene
from .studio import Studio
from .wss import Wss

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from .transport import Door

    Step = Callable[[Scene], Awaitable[None]]

STEPS: tuple[Step, ...] = (
    pairs.a_wrong_token_pairs_nothing,
    pairs.the_device_pairs_by_a_token,
    pairs.a_paired_device_pairs_no_second_time,
    pairs.an_unpaired_device_comes_anew,
    pairs.the_device_comes_and_says_hello,
    pairs.before_the_welcome_little_is_taken,
    pairs.the_device_tells_how_it_is,
    directs.a_timeline_is_loaded_once,
    directs.it_is_played_on_bars,
    directs.it_is_held_and_goes_on,
    directs.texts_are_changed_in_order,
    directs.cameras_are_listed,
    posts.what_is_posted_is_done_and_told_to_both,
    posts.what_is_posted_by_others_is_not_explained,
    posts.a_posted_command_can_be_bound_to_the_nonce_of_the_device,
    attacks.another_device_is_meant,
    attacks.a_forged_signature_is_not_answered,
    attacks.a_key_signs_what_it_is_for,
    attacks.what_is_late_early_or_endless_is_refused,
    attacks.what_is_replayed_is_refused,
    attacks.what_is_not_there_is_told,
    attacks.a_revoked_key_signs_nothing,
    directs.it_is_stopped,
    directs.an_emergency_stop_ends_a_show,
    returns.what_has_no_receipt_comes_again,
    returns.the_first_answer_counts_after_a_cut,
    returns.the_agent_ends_when_it_is_asked,
)


async def _wss(studio: Studio) -> Door:
    door = Wss(studio.admit)
    await door.open(studio.authority)
    return door


async def _mqtt(studio: Studio) -> Door:
    door = Mqtt(studio.folder, studio.authority, studio.keys.tenant_id)
    await door.open()
    return door


WAYS: dict[str, Callable[[Studio], Awaitable[Door]]] = {"wss": _wss, "mqtt": _mqtt}


async def tell(way: str) -> None:
    """Tell it over one way."""
    with tempfile.TemporaryDirectory(prefix="vistter-peer-") as name:
        folder = Path(name)
        studio = Studio(folder)
        door = await WAYS[way](studio)
        agent = Agent(folder)
        try:
            studio.pairing(door)
            await _each(Scene(studio, door, agent))
        except BaseException:
            print("\n".join(["the agent's last words:", *agent.log[-40:]]))
            raise
        finally:
            await agent.clear()
            await door.close()
            studio.close()


async def _each(scene: Scene) -> None:
    for step in STEPS:
        began = time.monotonic()
        try:
            await step(scene)
        except BaseException:
            print(f"  FAILED   {scene.door.kind}: {_sentence(step)}")
            raise
        took = (time.monotonic() - began) * 1000
        print(f"  {took:6.0f} ms  {scene.door.kind}: {_sentence(step)}", flush=True)


def _sentence(step: Step) -> str:
    return getattr(step, "__name__", "?").replace("_", " ")
