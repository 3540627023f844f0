"""Rule prediction that looks at the few rules which can apply: Rasa tries every rule twice a message, and a rule takes it 10 microseconds.

Nothing is predicted otherwise: a rule is left out only where what the visitor meant, or what was done last, already rules it out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from rasa.shared.core.constants import ACTION_LISTEN_NAME, PREVIOUS_ACTION, SHOULD_NOT_BE_SET, USER
from rasa.shared.core.trackers import DialogueStateTracker
from rasa.shared.nlu.constants import ACTION_NAME, INTENT

State = Mapping[str, Any]
Ask = tuple[str | None, str | None]
"""The last action and the intent that a state has; None in a rule means that it does not ask."""


@dataclass(frozen=True)
class Index:
    """What the last state of each rule asks for."""

    asks: Mapping[str, Ask]

    @classmethod
    def of(cls, policy: Any, lookup: Mapping[str, str]) -> Index:
        """Read the rules of one kind."""
        return cls({key: _asks(policy._rule_key_to_state(key)[-1]) for key in lookup})

    @property
    def reads_words(self) -> bool:
        """Say whether a rule may apply to words whose intent is not looked at."""
        return any(action in (None, ACTION_LISTEN_NAME) and intent is None for action, intent in self.asks.values())

    def near(self, state: State) -> list[str]:
        """Return the rules that this state does not rule out."""
        action, intent = _has(state)
        return [key for key, ask in self.asks.items() if ask[0] in (None, action) and ask[1] in (None, intent)]


def quicken(components: Iterable[Any]) -> None:
    """Turn the rule policy among a model's components into a quick one."""
    # The class is made here: Rasa's comes with the model anyway, and makes folders when it is imported.
    from rasa.core.policies.rule_policy import RulePolicy

    class QuickRules(RulePolicy):
        def _get_possible_keys(self, lookup: dict[str, str], states: list[State]) -> set[str]:
            near = _index(self, lookup).near(states[-1]) if states else lookup
            return set(super()._get_possible_keys({key: lookup[key] for key in near}, states))

        def _find_action_from_rules(
            self, tracker: DialogueStateTracker, domain: Any, use_text_for_last_user_input: bool
        ) -> tuple[str | None, str | None, bool]:
            rules = self.lookup["rules"]
            if use_text_for_last_user_input and not tracker.active_loop_name and not _index(self, rules).reads_words:
                return None, None, False
            return super()._find_action_from_rules(tracker, domain, use_text_for_last_user_input)  # type: ignore[no-any-return]

    for component in components:
        if type(component) is RulePolicy:
            component.__class__ = QuickRules


def _index(policy: Any, lookup: Mapping[str, str]) -> Index:
    kept = policy.__dict__.setdefault("_indexes", {})
    if id(lookup) not in kept:
        kept[id(lookup)] = Index.of(policy, lookup)
    return kept[id(lookup)]  # type: ignore[no-any-return]


def _has(state: State) -> Ask:
    return (state.get(PREVIOUS_ACTION) or {}).get(ACTION_NAME), (state.get(USER) or {}).get(INTENT)


def _asks(state: State) -> Ask:
    """Return what a rule's state asks for; without an action it is the beginning of a conversation, where Rasa asks nothing more."""
    action, intent = (None if value == SHOULD_NOT_BE_SET else value or None for value in _has(state))
    return action, intent if action else None
