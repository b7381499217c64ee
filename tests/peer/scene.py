"""What every step of the story has at hand, and what steps do again and again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from . import schemas, wire

if TYPE_CHECKING:
    from .agent import Agent
    from .session import Session
    from .strict import Body
    from .studio import Studio
    from .transport import Door
    from .wire import Key

TIMELINE = "peer-bars"
TITLE = "title"


@dataclass
class Scene:
    """A Studio, the way to it, the agent, and the connection of the moment."""

    studio: Studio
    door: Door
    agent: Agent
    live: Session | None = None

    @property
    def session(self) -> Session:
        """The connection."""
        assert self.live is not None, "the device is connected"
        return self.live

    async def connected(self) -> Session:
        """Wait for the device's next hello."""
        self.live = await self.studio.next_session(self.door)
        return self.live

    async def send(self, body: Body, key: Key | None = None) -> None:
        """Sign a command and send it."""
        text = wire.seal("command", body, key or self.studio.keys.command)
        await self.session.send("command", text)

    async def done(self, kind: str, payload: Body) -> Body:
        """Have a command done, and return its result: accepted first, then completed."""
        body = self.studio.command(kind, payload)
        await self.send(body)
        return await self.completed(body)

    async def completed(self, body: Body) -> Body:
        """Wait until a command is done, and judge its answers."""
        end = await self.session.answer(body["message_id"])
        answers = self.session.acks(body["message_id"])
        states = [answer["payload"]["status"] for answer in answers]
        assert states == ["accepted", "completed"], f"{body['type']}: {states}, {end}"
        for answer in answers:
            assert answer["correlation_id"] == body["correlation_id"]
            assert answer["chain"] is not None, "an answer that is kept has its place in the chain"
        result: Body = end["result"]
        schemas.check(f"commands/{body['type']}", result, "reply")
        return result

    async def refused(self, body: Body, status: str = "rejected", key: Key | None = None) -> Body:
        """Have a command refused, and return why."""
        await self.send(body, key)
        end = await self.session.answer(body["message_id"])
        assert end["status"] == status, f"{end}"
        assert "result" not in end
        problem: Body = end["error"]
        assert problem["message"]
        assert problem["remediation"]
        return problem

    async def link(self) -> Body:
        """Return what the device tells its operator of the link."""
        view: Body = await self.agent.get("/api/link")
        return view
