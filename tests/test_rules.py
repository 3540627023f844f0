"""The rules that are left out are those that could not apply."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

pytestmark = pytest.mark.model


@pytest.fixture
def policy(frontdesk: Any) -> Any:
    nodes = frontdesk._dialogue._processor.graph_runner._instantiated_nodes.values()
    (found,) = (node._component for node in nodes if type(node._component).__name__ == "QuickRules")
    return found


def conversations(policy: Any, lookup: dict[str, str]) -> list[list[dict[str, Any]]]:
    """Every rule's own states, also behind an earlier turn, in a form, without an intent and at the beginning."""
    rules = [policy._rule_key_to_state(key) for key in lookup]
    form = {"active_loop": {"name": "callback_form"}}
    changed = [[*states[:-1], {**states[-1], **form}] for states in rules]
    unread = [[*states[:-1], {**states[-1], "user": {"text": "hello"}}] for states in rules]
    first = [[{"user": state["user"]}] for states in rules for state in states[:1] if "user" in state]
    longer = [one + other for one, other in itertools.islice(itertools.product(rules, rules), 0, None, 7)]
    return [*rules, *changed, *unread, *first, *longer, [{}], []]


@pytest.mark.parametrize("kind", ["rules", "rules_for_loop_unhappy_path"])
def test_the_same_rules_apply_as_where_each_is_tried(policy: Any, kind: str) -> None:
    from rasa.core.policies.rule_policy import RulePolicy

    lookup = policy.lookup[kind]
    for states in conversations(policy, lookup):
        assert policy._get_possible_keys(lookup, states) == RulePolicy._get_possible_keys(policy, lookup, states)


def test_none_of_our_rules_applies_to_words_without_their_intent(policy: Any) -> None:
    from bot.rasa_runtime.rules import Index

    assert not Index.of(policy, policy.lookup["rules"]).reads_words


def test_a_rule_that_asks_for_no_intent_is_asked_about_words(policy: Any) -> None:
    from bot.rasa_runtime.rules import Index

    anything = '[{"prev_action": {"action_name": "action_listen"}}]'
    assert Index.of(policy, {anything: "action_answer"}).reads_words
