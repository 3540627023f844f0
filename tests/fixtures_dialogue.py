"""A dialogue without a model: rules, form and actions are the real ones, and the test says how each message was understood."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

import pytest
import yaml
from rasa.core.actions.action import ActionExecutionRejection, ActionExtractSlots, RemoteAction
from rasa.core.actions.forms import FormAction
from rasa.shared.core.domain import Domain
from rasa.shared.core.events import ActionExecuted, ActionExecutionRejected, UserUttered
from rasa.shared.core.trackers import DialogueStateTracker

import actions.turn
import bot.nlg
from bot.desk import Handoff
from bot.parts import build
from bot.rasa_runtime.actions import InProcessActions
from bot.rasa_runtime.dialogue import Collector
from bot.settings import ROOT, Settings

FORM = "callback_form"


@lru_cache(maxsize=1)
def domain() -> Domain:
    return Domain.load(str(ROOT / "domain.yml"))


@lru_cache(maxsize=1)
def ruled() -> Mapping[str, str]:
    """The action that data/rules lets follow each intent; what is only uttered is left out."""
    rules = [rule for path in (ROOT / "data" / "rules").glob("*.yml") for rule in yaml.safe_load(path.read_text())["rules"]]
    found = {}
    for steps in (rule["steps"] for rule in rules if "intent" in rule["steps"][0]):
        run = [step["action"] for step in steps if "action" in step and not step["action"].startswith("utter_")]
        found[str(steps[0]["intent"])] = str(run[0])
    return found


class Understood:
    """A visitor whose messages are understood as the test says."""

    def __init__(self, parts: Any) -> None:
        actions.turn.use(parts)
        bot.nlg.use(parts.answers)
        self.desk, self.safety = parts.desk, parts.safety
        self.id = parts.desk.create_visitor("test").id
        self.tracker = DialogueStateTracker(self.id, domain().slots)
        self.endpoint = InProcessActions()
        self.nlg = bot.nlg.FixedTexts(domain=domain())
        self.said: list[Mapping[str, Any]] = []

    async def hears(
        self, text: str, intent: str, confidence: float = 0.9, ranking: Sequence[str] = (), also: Sequence[str] = ()
    ) -> str:
        """Send a message; returns everything that is said to it."""
        self.said = []
        message, _ = self.desk.accept(self.id, f"m{len(self.tracker.events)}", text)
        named = {"name": intent, "confidence": confidence}
        ranked = [named, *({"name": name, "confidence": 0.1} for name in ranking)]
        assessed = {"level": self.safety.assess(text).level.name} if intent.startswith("report_") else {}
        parsed = {"text": text, "intent": named, "intent_ranking": ranked, "entities": [], "assessment": assessed, "also": [*also]}
        self.tracker.update(ActionExecuted("action_listen"))
        self.tracker.update(UserUttered(text, named, [], parsed, metadata={"seq": message.seq}), domain())
        extract = ActionExtractSlots(self.endpoint)
        self.tracker.update_with_events(await extract.run(Collector(), self.nlg, self.tracker, domain()), domain())
        if not (self.open and await self._form()):
            await self._act(ruled()[intent])
        return "\n".join(str(one["text"]) for one in self.said)

    async def _act(self, name: str) -> None:
        if name == FORM:
            await self._form()
            return
        await self._run(RemoteAction(name, self.endpoint))
        if self.tracker.followup_action == FORM:
            self.tracker.clear_followup_action()
            await self._form()

    async def _form(self) -> bool:
        ran = await self._run(FormAction(FORM, self.endpoint))
        if ran and not self.open:
            await self._act("action_request_callback")
        return ran

    async def _run(self, action: Any) -> bool:
        """Run an action as Rasa's processor does; False where the form lets go of the message."""
        try:
            events = await action.run(Collector(), self.nlg, self.tracker, domain())
        except ActionExecutionRejection:
            self.tracker.update(ActionExecutionRejected(action.name()))
            return False
        self.said += [{**event.data, "text": event.text} for event in events if event.type_name == "bot"]
        self.tracker.update(ActionExecuted(action.name()))
        self.tracker.update_with_events(events, domain())
        return True

    @property
    def open(self) -> bool:
        """Say whether the call-back form is open."""
        return bool(self.tracker.active_loop_name == FORM)

    @property
    def buttons(self) -> list[str]:
        """The buttons below what was said last."""
        return [button["title"] for one in self.said for button in one.get("buttons") or ()]

    @property
    def handoff(self) -> Handoff | None:
        handoff: Handoff | None = self.desk.standing(self.id).handoff
        return handoff

    @property
    def wish(self) -> tuple[str | None, str | None, str | None] | None:
        """Name, phone number and best time of the wish that was kept."""
        wish = self.handoff.callback if self.handoff else None
        return (wish.name, wish.phone, wish.best_time) if wish else None

    def slot(self, name: str) -> Any:
        return self.tracker.get_slot(name)


@pytest.fixture(scope="module")
def understood_parts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """One database for a file's tests: each has a visitor of its own."""
    folder = tmp_path_factory.mktemp("understood")
    built = build(Settings(var_dir=folder, database_url=f"sqlite:///{folder}/frontdesk.db", secret_keys=("a secret of the tests",)))
    yield built
    built.store.close()


@pytest.fixture
def visitor(understood_parts: Any) -> Understood:
    return Understood(understood_parts)
