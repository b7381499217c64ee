"""Steps: the device is paired, comes, and is welcomed."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .scene import Scene


async def a_wrong_token_pairs_nothing(scene: Scene) -> None:
    """Pairing by a token that Studio does not know fails, with its code and advice."""
    code, output = await pair(scene, "NO-SUCH-TOKEN")
    assert code != 0, output
    assert "PAIR_TOKEN_INVALID" in output, output


async def the_device_pairs_by_a_token(scene: Scene) -> None:
    """Pairing works: serial, proof, signing request and nonce hold."""
    code, serial = await scene.agent.command("serial")
    assert code == 0, serial
    pairing = scene.studio.open_pairing
    pairing.tokens["PEER-TOKEN"] = serial.strip()
    code, output = await pair(scene, "peer-token")
    assert code == 0, output
    assert scene.studio.device.serial == serial.strip()


async def a_paired_device_pairs_no_second_time(scene: Scene) -> None:
    """A device that is paired says so, and does not ask Studio."""
    scene.studio.open_pairing.tokens["OTHER-TOKEN"] = scene.studio.device.serial
    code, output = await pair(scene, "other-token")
    assert code != 0
    assert scene.studio.device.device_id in output, output
    assert "OTHER-TOKEN" in scene.studio.open_pairing.tokens


async def an_unpaired_device_comes_anew(scene: Scene) -> None:
    """Unpaired, it has the same serial and other keys; a token that was used pairs nothing."""
    before = scene.studio.device
    code, output = await scene.agent.command("unpair")
    assert code == 0, output
    code, output = await pair(scene, "peer-token")
    assert code != 0
    assert "PAIR_TOKEN_INVALID" in output, output
    code, output = await pair(scene, "other-token")
    assert code == 0, output
    after = scene.studio.device
    assert after.serial == before.serial
    assert after.signing_key != before.signing_key


async def the_device_comes_and_says_hello(scene: Scene) -> None:
    """The agent dials out with its certificate and claims, and its hello is signed."""
    await scene.agent.start()
    hello = (await scene.connected()).hello["payload"]
    assert hello["keyset_version"] == 1
    assert hello["root_version"] == 1
    assert "1.0" in hello["schema_versions"]
    assert scene.door.kind in hello["capabilities"]["transports"]
    assert hello["state"] == "idle"


async def before_the_welcome_little_is_taken(scene: Scene) -> None:
    """Before the time is known, only what is bound to the hello is done; answers come after it.

    What is not bound is refused without an answer or a trace, so that it may be sent again. Through
    a broker it waits for the welcome instead.
    """
    free = scene.studio.command("HEALTH_REQUEST", {})
    await scene.send(free)
    if scene.door.keeps:
        await scene.session.welcome()
        await scene.completed(free)
        return
    bound = scene.studio.command("HEALTH_REQUEST", {}, session_nonce=scene.session.nonce)
    await scene.send(bound)
    await scene.session.welcome()
    await scene.completed(bound)
    assert (await scene.link())["refused"] == {"TIMESTAMP_SKEW": 1}
    assert scene.session.acks(free["message_id"]) == []
    await scene.send(free)
    await scene.completed(free)


async def the_device_tells_how_it_is(scene: Scene) -> None:
    """After the welcome a query is accepted, completed, and answered by its schema."""
    reply = await scene.done("HEALTH_REQUEST", {})
    assert reply["status"] in {"healthy", "degraded", "unhealthy"}
    assert (await scene.link())["state"] == "online"


async def pair(scene: Scene, token: str) -> tuple[int, str]:
    """Run the agent's own command."""
    studio = scene.studio
    return await scene.agent.command(
        "pair", "--studio", studio.open_pairing.url, "--ca", str(studio.authority.file), token
    )
