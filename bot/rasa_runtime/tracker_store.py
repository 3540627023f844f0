"""A tracker store that keeps a conversation's last turns and its slots, not its whole past.

Rasa replays and copies the whole tracker several times a message, so a long conversation grows slow. Replies depend on slots,
on the active form and on the last few turns alone: those are kept, and what is older lives in the desk's messages.
"""

from __future__ import annotations

import json
from collections import OrderedDict, deque
from collections.abc import Iterable, Iterator
from typing import Any

import sqlalchemy as sa
from rasa.core.brokers.broker import EventBroker
from rasa.core.tracker_store import TrackerStore
from rasa.shared.core.constants import ACTION_LISTEN_NAME, ACTION_SESSION_START_NAME
from rasa.shared.core.domain import Domain
from rasa.shared.core.events import (
    ActionExecuted,
    ActiveLoop,
    Event,
    SessionStarted,
    SlotSet,
    UserUttered,
    deserialise_events,
)
from rasa.shared.core.trackers import DialogueStateTracker

from bot.rasa_runtime.tracker import Tracker
from bot.store import Store, utc_now
from bot.tables import tracker_snapshot as snapshots

TURNS_KEPT = 2
"""Visitor turns that stay in a tracker: what a rule needs of an earlier turn stands in the slots."""

IN_MEMORY = 2000
"""Serialised trackers kept in memory, about 6 kB each; a miss costs one read."""


# Built once, as in bot/conversations.py.
_of_sender = snapshots.c.sender_id == sa.bindparam("of_sender")
_READ = sa.select(snapshots.c.events).where(_of_sender)
_INSERT = snapshots.insert()
_UPDATE = snapshots.update().where(_of_sender).values(events=sa.bindparam("events"), updated_at=sa.bindparam("updated_at"))


class BoundedTrackerStore(TrackerStore):
    """Keeps each conversation's last `TURNS_KEPT` turns behind a snapshot of its slots."""

    def __init__(
        self,
        domain: Domain | None = None,
        event_broker: EventBroker | None = None,
        store: Store | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(domain, event_broker)
        kwargs.pop("host", None)
        if store is None:
            from bot.settings import load_settings

            store = Store(load_settings().store_url)
            store.migrate()
        self._store = store
        self._write_through = bool(kwargs.get("write_through", True))
        self._keep_live = int(kwargs.get("keep_live", IN_MEMORY))
        self._live: OrderedDict[str, DialogueStateTracker] = OrderedDict()
        self._unsaved: dict[str, str] = {}

    def init_tracker(self, sender_id: str) -> Tracker:
        """Return the tracker of a new conversation."""
        return Tracker(sender_id, self.domain.slots)

    async def retrieve(self, sender_id: str) -> DialogueStateTracker | None:
        """Return the conversation's tracker, or None for a new one; raises StoreUnavailable, never a blank conversation."""
        # Taken out while it is worked on: where the work fails, the next message starts from what was saved.
        tracker = self._live.pop(sender_id, None)
        if tracker is not None:
            return tracker
        text = await self._store.glance(self._read, sender_id)
        if text is None:
            return None
        return self._replayed(sender_id, deserialise_events(json.loads(text)))

    async def save(self, tracker: DialogueStateTracker) -> None:
        """Keep the tracker's window; written at once, or by `flush` within the caller's transaction."""
        if self.event_broker:
            await self.stream_events(tracker)
        events = list(window(tracker.events))
        self._unsaved[tracker.sender_id] = json.dumps([event.as_dict() for event in events])
        if self._write_through:
            await self._store.run(self._write, tracker.sender_id)
        if self._keep_live:
            tracker.events = deque(events)
            self._live[tracker.sender_id] = tracker
            if len(self._live) > self._keep_live:
                self._live.popitem(last=False)

    def flush(self, connection: sa.engine.Connection, sender_id: str) -> None:
        """Write what `save` left within the caller's transaction, so that replies and tracker are kept together or not at all."""
        text = self._unsaved.pop(sender_id, None)
        if text is None:
            return
        values = {"events": text, "updated_at": utc_now()}
        if connection.execute(_UPDATE, {"of_sender": sender_id, **values}).rowcount == 0:
            connection.execute(_INSERT, {"sender_id": sender_id, "state": "", **values})

    def delete(self, connection: sa.engine.Connection, sender_id: str) -> None:
        """Delete a conversation's tracker within the caller's transaction: the next message begins afresh."""
        self.forget(sender_id)
        connection.execute(snapshots.delete().where(snapshots.c.sender_id == sender_id))

    def forget(self, sender_id: str) -> None:
        """Drop what is in memory: the next message starts from what was saved, if anything was."""
        self._live.pop(sender_id, None)
        self._unsaved.pop(sender_id, None)

    def _replayed(self, sender_id: str, events: list[Event]) -> Tracker:
        return Tracker.from_events(sender_id, events, self.domain.slots, domain=self.domain)  # type: ignore[no-any-return]

    def _read(self, sender_id: str) -> str | None:
        with self._store.reading() as connection:
            found = connection.execute(_READ, {"of_sender": sender_id}).scalar()
        return None if found is None else str(found)

    def _write(self, sender_id: str) -> None:
        with self._store.transaction() as connection:
            self.flush(connection, sender_id)


def window(events: Iterable[Event]) -> Iterator[Event]:
    """Yield a short past that leaves the same state: a snapshot of slots and form, then the last `TURNS_KEPT` turns."""
    events = list(events)
    start = _start(events)
    if start == 0:
        yield from events
        return
    slots: dict[str, Any] = {}
    loop: str | None = None
    for event in events[:start]:
        if isinstance(event, SessionStarted):
            slots, loop = {}, None
        elif isinstance(event, SlotSet):
            slots[event.key] = event.value
        elif isinstance(event, ActiveLoop):
            loop = event.name
    stamp = events[start].timestamp
    yield ActionExecuted(ACTION_SESSION_START_NAME, timestamp=stamp)
    yield SessionStarted(timestamp=stamp)
    for key, value in slots.items():
        if value is not None:
            yield SlotSet(key, value, timestamp=stamp)
    if loop:
        yield ActiveLoop(loop, timestamp=stamp)
    yield from events[start:]


def _start(events: list[Event]) -> int:
    """Return where the window begins: at the listening before the `TURNS_KEPT`-th last visitor turn."""
    turns = 0
    for i in range(len(events) - 1, -1, -1):
        turns += isinstance(events[i], UserUttered)
        listening = isinstance(events[i], ActionExecuted) and events[i].action_name == ACTION_LISTEN_NAME
        if turns == TURNS_KEPT and listening:
            return i
    return 0
