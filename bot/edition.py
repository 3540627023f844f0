"""One edition of the clinic's content, ready to be served: every text rendered, every keyword list prepared.

An edition never changes; when an entry does, a new one is made. So answering needs no database, no lock and no
rendering beyond what the question itself brings (a day, a length, a name).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from types import MappingProxyType

from bot.clinic import Clinic, Site, build_clinic
from bot.content import TOPICS, Entries, Fields, split_key
from bot.errors import ContentError, NotFound
from bot.fields import Problems
from bot.hour_replies import hours_reply, staff_phrase
from bot.hours import join_words
from bot.question import Keywords, Question, minutes_of
from bot.replies import Case, Reply, cost_reply, team_reply
from bot.wording import facts, fill

COMPUTED: Mapping[str, Callable[[Case], Reply | None]] = {
    "clinic_hours": hours_reply,
    "cost": cost_reply,
    "clinic_team": team_reply,
}
"""Topics whose answer is worked out from the question; None means that the written answer serves."""

GENERAL = ("clinic.phone", "clinic.hours", "clinic.email")
"""Facts that differ between sites and still need no question back: without a site they are the main one's."""

_NOTHING: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True)
class FollowUp:
    """A button below an answer."""

    title: str
    topic: str
    site: str | None = None

    @property
    def payload(self) -> dict[str, str]:
        """Return what the button sends."""
        return {"topic": self.topic, **({"site": self.site} if self.site else {})}


@dataclass(frozen=True)
class Answer:
    """What a visitor gets for a question, and where it comes from."""

    topic: str
    variant: str
    """The finer answer or the computed phrase that was chosen; empty for the topic's main answer."""
    text: str
    follow_ups: tuple[FollowUp, ...]
    approved_by: str
    reviewed_on: date | None
    source: str
    version: int
    needs_site: bool = False
    """True where the answer differs by site: the text asks which, the follow-ups are the sites."""
    site: str | None = None
    matched: tuple[str, ...] = ()
    """The keywords that chose the variant."""
    offer: str | None = None
    """Where a "yes" leads: a topic, `callback` or `talk_to_human`."""
    about: Mapping[str, str] = field(default_factory=dict)
    """What the answer was about; hand it to the next `find` as `context`."""

    @property
    def offers_callback(self) -> bool:
        """Say whether a "yes" to this answer asks for a call-back."""
        return self.offer == "callback"


@dataclass(frozen=True)
class _Text:
    """A written text at every site, and the one that serves all of them, if there is one."""

    by_site: Mapping[str, str]
    general: str | None


class Edition:
    """Serves one state of the content."""

    def __init__(self, entries: Entries, versions: Mapping[str, int], texts: Mapping[str, str]) -> None:
        problems = Problems()
        self.entries = entries
        self.clinic: Clinic = build_clinic(entries, problems)
        self.problems = problems.found
        if not self.clinic.sites:
            raise ContentError("clinic.yml: expected at least one site under `sites:`")
        self._versions = versions
        self._safety_texts = texts
        self._facts = {site.slug: facts(self.clinic, site) for site in self.clinic.sites}
        main = self._facts[self.clinic.main_site]
        self._neutral = {name: main[name] for name in GENERAL}
        self._texts = {key: self._rendered(str(fields.get("text", ""))) for key, fields in entries.items()}
        self._keywords = self._prepare_keywords()
        self._follow_ups = {key: _follow_ups(fields) for key, fields in entries.items()}
        self._site_names = {site.slug: _site_names(site) for site in self.clinic.sites}

    # -- answers -----------------------------------------------------------------------------------------------------

    def answer(self, topic: str, text: str, site: str | None, at: datetime, context: Mapping[str, str]) -> Answer:
        """Answer a question about a topic; NotFound where the topic has no answer."""
        if topic not in self.entries or topic.startswith("clinic/"):
            raise NotFound(f"no answer for {topic!r}")
        question, chosen = self._understood(text, site, context)
        variant, matched = self._keywords[topic].choose(question) if topic in self._keywords else (None, ())
        replies = self._compute(topic, question, at, context, chosen)
        # A plain list of the week's hours gives way to a finer written answer.
        if replies and not (variant and any(reply.phrase == "week" for reply in replies.values())):
            return self._computed(topic, question, replies, chosen)
        return self._written(topic, question, variant, matched, chosen)

    def _understood(self, text: str, site: str | None, context: Mapping[str, str]) -> tuple[Question, str | None]:
        """Return the question and the site it is about: a site named in it outranks the visitor's own."""
        question = Question.of(text)
        named = self.site_named(question) if text and len(self.clinic.sites) > 1 else None
        if named and context.get("question") and self._only_names_site(question, named):
            question = Question.of(context["question"])  # a tapped site: the question is the one asked before
        return question, named or (site if site in self._facts else None)

    def _written(self, topic: str, question: Question, variant: str | None, matched: tuple[str, ...], chosen: str | None) -> Answer:
        key = f"{topic}/{variant}" if variant else topic
        written = self._texts[key]
        answer = replace(self._signed(topic, key, variant or "", matched), about=_about(topic, question))
        if chosen is None and written.general is not None:
            return replace(answer, text=written.general)
        return self._placed(answer, written.by_site, chosen, question, written.general is not None)

    def _computed(self, topic: str, question: Question, replies: Mapping[str, Reply], chosen: str | None) -> Answer:
        first = next(iter(replies.values()))
        texts = {slug: self._rendered_at(text, slug) for slug, text in _said(replies, chosen).items()}
        same = len({neutral for _, neutral in texts.values()}) == 1
        by_site = {slug: own if chosen else neutral for slug, (own, neutral) in texts.items()}
        answer = self._placed(self._signed(topic, topic, first.phrase, ()), by_site, chosen, question, same)
        return answer if answer.needs_site else replace(answer, about=first.about)

    def site_named(self, question: Question) -> str | None:
        """Return the site that the question names, if it names one."""
        named = [slug for slug, names in self._site_names.items() if question.has(*names)]
        return named[0] if len(named) == 1 else None

    def _only_names_site(self, question: Question, slug: str) -> bool:
        """Say whether nothing but a site was said, as by tapping its button."""
        known = {word for name in self._site_names[slug] for word in name.split()}
        return all(word in known or word in ("the", "at", "in", "for", "please", "one", "site") for word in question.words)

    def _compute(
        self, topic: str, question: Question, at: datetime, context: Mapping[str, str], chosen: str | None
    ) -> dict[str, Reply]:
        """Compute the reply at every site, the chosen one first; empty where nothing is computed."""
        compute = COMPUTED.get(topic)
        if compute is None:
            return {}
        sites = sorted(self.clinic.sites, key=lambda site: site.slug != (chosen or self.clinic.main_site))
        phrases = self.entries[topic].get("phrases", {})
        found: dict[str, Reply] = {}
        for site in sites:
            reply = compute(Case(self.clinic, phrases, question, site, at, context))
            if reply is None:
                return {}
            found[site.slug] = reply
        return found

    def _rendered_at(self, text: str, slug: str) -> tuple[str, str]:
        """Fill a text in for one site: with its own phone and hours, and with the main site's."""
        if "{" not in text:
            return text, text
        known = self._facts[slug]
        return _begun(fill(text, known)), _begun(fill(text, {**known, **self._neutral}))

    def _placed(self, answer: Answer, by_site: Mapping[str, str], chosen: str | None, question: Question, same: bool) -> Answer:
        """Give the answer of the chosen site, or the one all sites share, or ask which site is meant."""
        phrases = self.entries["site_question"]["phrases"]
        if same:
            return replace(answer, text=by_site[chosen or self.clinic.main_site], site=chosen)
        if chosen is None:
            titles = join_words([site.title for site in self.clinic.sites], "or")
            buttons = tuple(FollowUp(site.title, answer.topic, site.slug) for site in self.clinic.sites)
            text = fill(phrases["ask"], {"sites": titles})
            about = {"question": question.text}
            return replace(answer, text=text, follow_ups=buttons, needs_site=True, about=about, offer=None)
        title, text = self.clinic.site(chosen).title, by_site[chosen]
        if title not in text:
            text = fill(phrases["named"], {"site": title, "text": text})
        return replace(answer, text=text, site=chosen)

    def _signed(self, topic: str, key: str, variant: str, matched: tuple[str, ...]) -> Answer:
        fields = self.entries[key]
        main = self.entries[topic]
        reviewed = fields.get("reviewed_on")
        return Answer(
            topic=topic,
            variant=variant,
            text="",
            follow_ups=self._follow_ups[key] or self._follow_ups[topic],
            approved_by=str(fields.get("approved_by", "")),
            reviewed_on=_day(reviewed),
            source=str(fields.get("source", "")),
            version=self._versions.get(key, 0),
            matched=matched,
            offer=fields.get("offer", main.get("offer")),
        )

    # -- fixed texts -------------------------------------------------------------------------------------------------

    def render(self, kind: str, handoff_line: str = "", site: str | None = None) -> str:
        """Return a fixed text with its numbers filled in; an unknown kind gets the emergency text, never nothing."""
        text = self._safety_texts.get(kind) or str(self.entries.get(kind, {}).get("text", ""))
        text = text or self._safety_texts.get("emergency", "")
        if not text:
            raise ContentError(f"safety.yml: expected a text for {kind!r}")
        known = self._facts[site if site in self._facts else self.clinic.main_site]
        return re.sub(r"[ \t]{2,}", " ", fill(text, {**known, "handoff.line": handoff_line})).strip()

    def line(self, name: str, site: str | None, **values: str) -> str:
        """Return one of the team's lines: `told`, `kept`, `lost`, `here`, `back`, `away`."""
        known = self._facts[site if site in self._facts else self.clinic.main_site]
        return fill(str(self.entries["team_lines"]["phrases"][name]), {**known, **values})

    def staff_line(self, site: str | None, at: datetime) -> str:
        """Say until when the team is there, or when it is back; without a site, where that is longest or soonest."""
        sites = [self.clinic.site(site)] if site in self._facts else list(self.clinic.sites)
        present = [one for one in sites if one.hours.is_open(at)]
        far = datetime.max.replace(tzinfo=at.tzinfo)
        if present:
            best = max(present, key=lambda one: one.hours.next_close(at) or far)
        else:
            best = min(sites, key=lambda one: one.hours.next_open(at) or far)
        name, values = staff_phrase(best.hours, at, self.clinic.clock)
        return self.line(name, best.slug, **values)

    def handoff_line(self, state: str, site: str | None, at: datetime) -> str:
        """Say the truth about a handoff: `told`, `kept` or `lost`, and when the team is back if it is away."""
        sites = [self.clinic.site(site)] if site in self._facts else list(self.clinic.sites)
        said = self.line(state, site)
        return said if any(one.hours.is_open(at) for one in sites) else f"{said} {self.staff_line(site, at)}"

    # -- preparing ---------------------------------------------------------------------------------------------------

    def preview(self, text: str, site: str | None = None) -> str:
        """Return a text as a visitor of the site sees it."""
        return fill(text, self._facts[site if site in self._facts else self.clinic.main_site])

    def _rendered(self, text: str) -> _Text:
        both = {slug: self._rendered_at(text, slug) for slug in self._facts}
        neutral = {general for _, general in both.values()}
        return _Text({slug: own for slug, (own, _) in both.items()}, neutral.pop() if len(neutral) == 1 else None)

    def _prepare_keywords(self) -> dict[str, Keywords]:
        lists: dict[str, dict[str, Sequence[str]]] = {}
        for key, fields in self.entries.items():
            topic, variant = split_key(key)
            if variant and topic != "clinic" and topic in self.entries:
                lists.setdefault(topic, {})[variant] = [str(phrase) for phrase in fields.get("when", ())]
        weak = {key for key, fields in self.entries.items() if fields.get("weak")}
        return {
            topic: Keywords.of(variants, [name for name in variants if f"{topic}/{name}" in weak])
            for topic, variants in lists.items()
        }


def _said(replies: Mapping[str, Reply], chosen: str | None) -> dict[str, str]:
    """Return what is said at every site: the short form if nobody chose a site and only what it leaves out differs."""
    shorts = {reply.short for reply in replies.values()}
    if chosen is None and len(shorts) == 1 and len({reply.text for reply in replies.values()}) > 1:
        return {slug: reply.short or reply.text for slug, reply in replies.items()}
    return {slug: reply.text for slug, reply in replies.items()}


def _begun(text: str) -> str:
    """Begin with a capital letter, also where a fact stands first."""
    return text[:1].upper() + text[1:]


def _follow_ups(fields: Fields) -> tuple[FollowUp, ...]:
    given = fields.get("follow_ups")
    return tuple(FollowUp(title, str(topic)) for title, topic in given.items()) if isinstance(given, Mapping) else ()


def _site_names(site: Site) -> tuple[str, ...]:
    names = (site.title, site.slug, *site.aliases)
    return tuple(dict.fromkeys(" ".join(Question.of(name.replace("_", " ")).words) for name in names if name))


def _about(topic: str, question: Question) -> Mapping[str, str]:
    minutes = minutes_of(question) if topic == "session_length" else None
    return {"minutes": str(minutes)} if minutes else _NOTHING


def _day(value: object) -> date | None:
    try:
        return date.fromisoformat(str(value))
    except ValueError:
        return None


def title_of(topic: str) -> str:
    """Return the words on a topic's button."""
    return TOPICS.get(topic, topic.replace("_", " ").capitalize())
