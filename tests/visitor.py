"""A visitor who talks to a front desk in a test."""

from __future__ import annotations

from typing import Any

from bot.desk import Handoff, Message
from bot.frontdesk import FrontDesk, Incoming
from bot.store import new_id


class Visitor:
    """Sends messages and looks at what came back."""

    def __init__(self, frontdesk: FrontDesk, parts: Any) -> None:
        self.frontdesk, self.parts = frontdesk, parts
        self.id = parts.desk.create_visitor("test").id

    async def says(self, text: str, **payload: Any) -> tuple[Message, ...]:
        return await self.frontdesk.converse(Incoming(self.id, new_id("m"), text, payload))

    async def hears(self, text: str, **payload: Any) -> str:
        return "\n".join(message.text for message in await self.says(text, **payload))

    @property
    def asked(self) -> Message:
        """The visitor's last message, with what was understood."""
        return [m for m in self.parts.desk.messages(self.id) if m.author == "visitor"][-1]

    @property
    def handoff(self) -> Handoff | None:
        return self.parts.desk.standing(self.id).handoff
