"""The fixed texts, rendered in process (endpoints.yml `nlg:`), so that an emergency text needs no action server.

`utter_emergency`, `utter_urgent` and `utter_staff` come from clinic/safety.yml with the clinic's numbers filled in, chosen by what the red-flag
screen found. Everything else is the domain's wording.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

from rasa.core.nlg.response import TemplatedNaturalLanguageGenerator
from rasa.shared.core.domain import Domain
from rasa.shared.core.trackers import DialogueStateTracker
from rasa.utils.endpoints import EndpointConfig

from bot.settings import load_settings
from bot.store import utc_now

FIXED = {"utter_emergency": "emergency", "utter_urgent": "urgent", "utter_staff": "staff"}
ASKED = "utter_ask_callback_"
"""The call-back form's questions: the wordings of `callback` in answers.yml."""

_source: Any = None


def use(answers: Any) -> None:
    """Take wording from the store, where a server has one; else from the clinic's files."""
    global _source
    _source = answers


class FixedTexts(TemplatedNaturalLanguageGenerator):
    """Utters the clinic's fixed safety texts; other responses are the domain's."""

    def __init__(self, endpoint_config: EndpointConfig | None = None, domain: Domain | None = None) -> None:
        super().__init__(domain.responses if domain else {})

    async def generate(
        self, utter_action: str, tracker: DialogueStateTracker, output_channel: str, **kwargs: Any
    ) -> dict[str, Any] | None:
        """Return the response as a dictionary, or None where there is none."""
        kind = FIXED.get(utter_action)
        if kind is None:
            draft = await super().generate(utter_action, tracker, output_channel, **kwargs)
            if draft and utter_action.startswith(ASKED):
                asked = utter_action[len(ASKED) :]
                draft["text"] = _callback_question(asked)
                draft["custom"] = {"topic": "talk_to_human", "route": "staff", "asks": asked}
            return draft  # type: ignore[no-any-return]
        found = (tracker.latest_message.parse_data or {}).get("assessment") if tracker.latest_message else None
        if found and kind == "emergency" and found["level"] == "EMERGENCY":
            kind = found["kind"] or kind
        source = _source or _texts(str(load_settings().clinic_dir))
        text = source.fixed(kind) if _source else source.render(kind)
        return {"text": text}


def _callback_question(name: str) -> str:
    if _source:
        return str(_source.find("callback", name).text)
    return str(_texts(str(load_settings().clinic_dir)).answer("callback", name, None, utc_now(), {}).text)


@lru_cache(maxsize=4)
def _texts(clinic_dir: str) -> Any:
    from bot.answers import fixed_texts

    return fixed_texts(Path(clinic_dir))
