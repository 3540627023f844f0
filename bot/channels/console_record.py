"""The record of a symptom report as a page of its own: what was seen when, what was said back, what was done.

Made on the server without scripts, so that it prints the same everywhere. Once the handoff is closed the desk takes no
further change: the page says so, with who closed it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from html import escape
from typing import Any
from zoneinfo import ZoneInfo

from bot.channels.console_desk import OUTCOMES
from bot.channels.console_shapes import reason_title
from bot.clinic import Clinic
from bot.desk import Desk, Handoff, HandoffEvent, Message, Note

WHAT: Mapping[str, str] = {
    "opened": "Reported",
    "raised": "Raised to a graver sign",
    "added": "Another sign",
    "acknowledged": "Seen by",
    "claimed": "Taken over by",
    "replied": "Answered by",
    "noted": "Note by",
    "snoozed": "Put off by",
    "woken": "Back from being put off",
    "transferred": "Handed on by",
    "requeued": "Back to the queue: left without an answer",
    "expired": "Emergency mode ended by itself",
    "callback": "Wish to be called kept",
    "given_back": "Given back to the assistant by",
    "closed": "Closed by",
}


def record_page(
    desk: Desk, clinic: Clinic, names: Mapping[str, str], handoff_id: str, printed_by: str, now: datetime, base: str
) -> str:
    """Return the page of one handoff."""
    handoff = desk.handoff(handoff_id)
    zone = ZoneInfo(clinic.site(None).hours.zone)
    write = _Writer(zone, names)
    messages = _about(desk.messages(handoff.visitor, max(0, handoff.seq - 4), 200), handoff)
    sections = [
        write.facts(handoff, clinic),
        write.texts(handoff),
        write.history(desk.history(handoff_id)),
        write.notes(desk.notes(handoff_id)),
        write.messages(messages),
    ]
    state = "This record is closed and can no longer change." if handoff.closed_at else "Open: this can still change."
    foot = f"{escape(clinic.name)}. Printed by {escape(printed_by)}, {write.at(now)}. {state}"
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<title>Record {escape(_short(handoff.id))}</title><link rel="stylesheet" href="{base}/record.css">'
        f'<link rel="icon" href="{base}/icon.svg" type="image/svg+xml"></head>'
        f'<body class="record"><main><header><p>{escape(clinic.name)}</p>'
        f"<h1>Record of a report</h1><p>{escape(_short(handoff.id))}</p></header>"
        f"{''.join(sections)}<footer><p>{foot}</p></footer></main></body></html>"
    )


class _Writer:
    """Writes the parts of the page; everything is escaped here."""

    def __init__(self, zone: ZoneInfo, names: Mapping[str, str]) -> None:
        self._zone, self._names = zone, names

    def facts(self, handoff: Handoff, clinic: Clinic) -> str:
        """Write who, what, when and how it ended."""
        after = {True: "yes", False: "no", None: "not said"}[handoff.after_treatment]
        rows: list[tuple[str, str]] = [
            ("Time of the report", self.at(handoff.opened_at)),
            ("Urgency", handoff.urgency),
            ("Reason", reason_title(handoff.reason)),
            ("Symptom", handoff.symptom or "not recognised"),
            ("Region", handoff.region or "not said"),
            ("Since", handoff.since or "not said"),
            ("After a treatment", after),
            ("Channel, site", f"{handoff.channel}, {clinic.site(handoff.site).title if handoff.site else 'not said'}"),
            (
                "Patterns that matched",
                f"{', '.join(handoff.rules) or 'none'} (list {handoff.list_version or 'unknown'})",
            ),
            ("First seen by staff", self._who(handoff.first_seen_by, handoff.first_seen_at)),
            ("Closed", self._who(handoff.closed_by, handoff.closed_at)),
            ("Outcome", OUTCOMES.get(handoff.outcome or "", handoff.outcome or "open")),
            ("What was done", handoff.done or "nothing written yet"),
        ]
        if handoff.callback is not None:
            wish = handoff.callback
            rows.insert(8, ("Wants a call", f"{wish.name}, {wish.phone}, {wish.best_time}"))
        cells = "".join(f"<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>" for name, value in rows)
        return f"<dl>{cells}</dl>"

    def texts(self, handoff: Handoff) -> str:
        """Write the visitor's words and what was sent back, whole."""
        return (
            f"<section><h2>What the visitor wrote</h2><blockquote>{_text(handoff.visitor_text)}</blockquote></section>"
            f"<section><h2>What was sent back</h2><blockquote>{_text(handoff.bot_text)}</blockquote></section>"
        )

    def history(self, events: Iterable[HandoffEvent]) -> str:
        """Write what happened, in order."""
        rows = "".join(
            f"<tr><td>{self.at(event.at)}</td><td>{escape(WHAT.get(event.what, event.what))} "
            f"{escape(self._name(event.member))}</td><td>{escape(self._detail(event))}</td></tr>"
            for event in events
        )
        return f"<section><h2>What happened</h2><table><tbody>{rows}</tbody></table></section>"

    def notes(self, notes: Iterable[Note]) -> str:
        """Write staff's notes, if there are any."""
        rows = "".join(
            f"<tr><td>{self.at(note.at)}</td><td>{escape(self._name(note.member))}</td><td>{_text(note.text)}</td></tr>"
            for note in notes
        )
        return f"<section><h2>Notes of staff</h2><table><tbody>{rows}</tbody></table></section>" if rows else ""

    def messages(self, messages: Iterable[Message]) -> str:
        """Write the conversation."""
        authors = {"visitor": "Visitor", "bot": "Assistant", "staff": "Staff"}
        rows = "".join(
            f"<tr><td>{self.at(message.created_at)}</td>"
            f"<td>{escape(self._name(message.member) or authors[message.author])}</td>"
            f"<td>{_text(message.text)}</td></tr>"
            for message in messages
        )
        return f"<section><h2>Conversation</h2><table><tbody>{rows}</tbody></table></section>"

    def at(self, moment: datetime) -> str:
        """Write a time on the clinic's clock."""
        local = moment.astimezone(self._zone)
        return f"{local:%Y-%m-%d %H:%M:%S %Z}"

    def _detail(self, event: HandoffEvent) -> str:
        detail: Mapping[str, Any] = event.detail
        if event.what in ("opened", "raised", "added"):
            said = [detail.get("urgency", ""), reason_title(str(detail.get("reason", ""))), *detail.get("rules", ())]
            return ", ".join(filter(None, said))
        if event.what == "snoozed":
            return f"until {self.at(datetime.fromisoformat(detail['until']))}"
        if event.what == "transferred":
            return f"to {self._name(detail.get('to'))}"
        if event.what == "requeued":
            return f"by {self._name(detail.get('left_by'))}"
        return OUTCOMES.get(str(detail.get("outcome", "")), "")

    def _who(self, member: str | None, at: datetime | None) -> str:
        return "nobody yet" if at is None else f"{self._name(member) or 'the command line'}, {self.at(at)}"

    def _name(self, member: str | None) -> str:
        if not member:
            return ""
        # On the command line somebody signs with a name, not with an account.
        return self._names.get(member, "a former colleague" if member.startswith("m_") else member)


def _about(messages: Iterable[Message], handoff: Handoff) -> list[Message]:
    """Keep the messages of this episode: a later one of the same visitor is another record."""
    return [one for one in messages if handoff.closed_at is None or one.created_at <= handoff.closed_at]


def _text(text: str) -> str:
    return escape(text).replace("\n", "<br>") if text else "<em>nothing</em>"


def _short(handoff_id: str) -> str:
    """Return a name that can be read out on the phone; the whole id stands in the address."""
    return handoff_id.partition("_")[2][:8].upper()
