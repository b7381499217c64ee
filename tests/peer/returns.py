"""Steps: what was not receipted comes again, and the agent ends when it is asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .scene import Scene


async def what_has_no_receipt_comes_again(scene: Scene) -> None:
    """After a cut the same messages come again in their order, until they have their receipts."""
    first = scene.session
    first.with_receipts = False
    body = scene.studio.command("HEALTH_REQUEST", {})
    await scene.send(body)
    await scene.completed(body)
    answers = [ack["message_id"] for ack in first.acks(body["message_id"])]
    await first.end()

    second = await scene.connected()
    assert second.nonce != first.nonce
    assert second.hello["payload"]["boot_id"] == first.hello["payload"]["boot_id"]
    assert second.hello["payload"]["pending_outbox"] >= len(answers)
    await second.welcome()

    def again() -> bool | None:
        """Say whether the answers came in their order; events of the device may stand between them."""
        return [name for name in second.repeated if name in answers] == answers or None

    await second.until("the answers again", again)
    await scene.done("HEALTH_REQUEST", {})


async def the_first_answer_counts_after_a_cut(scene: Scene) -> None:
    """A command of the connection before is known on the next one: answered, not done again."""
    body = scene.studio.command("HEALTH_REQUEST", {})
    await scene.send(body)
    await scene.completed(body)
    done = (await scene.link())["carried_out"]
    await scene.session.end()
    await (await scene.connected()).welcome()
    await scene.send(body)
    end = await scene.session.answer(body["message_id"])
    assert (end["status"], end["duplicate"]) == ("completed", True)
    assert (await scene.link())["carried_out"] == done


async def the_agent_ends_when_it_is_asked(scene: Scene) -> None:
    """SIGTERM ends it in order; nothing went wrong on the last connection."""
    assert await scene.agent.stop() == 0
    await scene.session.end()
