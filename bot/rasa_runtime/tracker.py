"""A conversation's tracker that is copied, not replayed: Rasa builds a tracker anew from its events several times a message."""

from __future__ import annotations

import copy

from rasa.shared.core.events import (
    ActionReverted,
    ActiveLoop,
    Event,
    Restarted,
    SessionStarted,
    UserUtteranceReverted,
)
from rasa.shared.core.slots import Slot
from rasa.shared.core.trackers import DialogueStateTracker

_BEGINNINGS = (SessionStarted, Restarted)
_TAKEN_BACK = {ActionReverted, UserUtteranceReverted, ActiveLoop}
"""Events behind which earlier ones may not count; there Rasa's own walk is needed."""


class Tracker(DialogueStateTracker):
    """Rasa's tracker; what it says of a conversation is the same."""

    def copy(self) -> Tracker:
        """Return a duplicate in the same state."""
        twin = copy.copy(self)
        twin.events = self.events.copy()
        twin.slots = {name: _same(slot) for name, slot in self.slots.items()}
        twin.active_loop = copy.copy(self.active_loop)
        return twin

    def init_copy(self) -> Tracker:
        """Return a tracker of the same conversation at its very beginning."""
        twin = Tracker(self.sender_id, None, self._max_event_history, is_rule_tracker=self.is_rule_tracker)
        twin.slots = {name: _same(slot) for name, slot in self.slots.items()}
        twin._reset_slots()
        return twin

    def applied_events(self) -> list[Event]:
        """Return the events that count."""
        kinds = [type(event) for event in self.events]
        if not _TAKEN_BACK.isdisjoint(kinds):
            return super().applied_events()  # type: ignore[no-any-return]
        begun = max((at for at, kind in enumerate(kinds, 1) if kind in _BEGINNINGS), default=0)
        return list(self.events)[begun:]


def _same(slot: Slot) -> Slot:
    """Copy a slot; what Python's own way of copying takes is ten times as long."""
    twin = object.__new__(type(slot))
    twin.__dict__.update(slot.__dict__)
    return twin
