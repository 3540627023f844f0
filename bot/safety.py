"""The safety screen: what in a visitor's message needs urgent advice instead of an answer.

    safety_list = SafetyList.load(Path("clinic/safety.yml"))
    assessment = safety_list.assess("it hurts when i breathe", earlier=["had my shoulder done yesterday"])

Pure and deterministic: no I/O after loading, no learning, and every decision names the line of the list it comes from. All words,
patterns and texts are in clinic/safety.yml; this module only weighs what was found (docs/safety.md): the highest level
wins, a negation or an old story lowers only the finding it stands beside, and a joke lowers nothing.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path

from bot.patterns import Hit, Pattern, Places, Sieve, Span, hull, overlap
from bot.safety_rules import STRICT_TALK, Content, Rule, read_content
from bot.safety_rules import Level as Level
from bot.textnorm import Word

KEPT_MESSAGES = 20
"""Earlier messages that are read again: needling yesterday still matters after a long talk about parking."""

CARRIED_MESSAGES = 3
"""How far back a body part or a sign is taken from when a message names only the other."""

_QUESTION_REACH = 12
"""Words from "what are the signs of" to the sign it asks about."""

_STORY_REACH = 8
"""Words from "years ago" to what happened then."""

_TURN_REACH = 2
"""Words after a finding in which "until today" still takes a denial back."""

_LAST_LATIN = 0x24F

_DENIAL_REACH = 4
"""Words from "no" to what is denied; all of them must be harmless ones: "not having any"."""

_LINE = 48
"""Characters of a symptom that a row of the queue shows beside region and time."""


@dataclass(frozen=True)
class Match:
    """One line of the list that a message fits."""

    rule: str
    name: str
    level: Level
    kind: str
    pattern: str
    """The pattern as the list writes it."""
    words: str
    """What the visitor wrote there."""
    approved_by: str
    source: str


@dataclass(frozen=True)
class Report:
    """What the visitor said about a complaint, for staff; nothing is inferred."""

    symptom: str | None = None
    region: str | None = None
    since: str | None = None
    after_treatment: bool | None = None


@dataclass(frozen=True)
class Assessment:
    """The outcome for one message."""

    level: Level
    kind: str
    """Which fixed text fits: a key of `SafetyList.texts`, or empty."""
    matches: tuple[Match, ...]
    list_version: str
    treated: bool
    """Recent needling is mentioned here or earlier."""
    bodily: bool
    """Somebody's bodily complaint: never to be answered as a general question."""
    foreign: bool
    """Not written in English."""
    report: Report

    @property
    def rules(self) -> tuple[str, ...]:
        """Return the ids of the rules that match, each once."""
        return tuple(dict.fromkeys(match.rule for match in self.matches))


class SafetyList:
    """The clinic's red flags and fixed texts."""

    def __init__(self, content: Content) -> None:
        self._content = content
        self.version = content.version
        self.texts: Mapping[str, str] = content.texts
        self.rules = content.rules
        # What was written before is read again with every message.
        self._read = lru_cache(maxsize=32)(self._read_message)
        lines = ((p.needs, (rule, level, p)) for rule in content.rules for level, few in rule.patterns.items() for p in few)
        self._lines = Sieve(lines)

    @classmethod
    def load(cls, path: Path) -> SafetyList:
        """Read the list; raises ContentError with file, line and what is expected."""
        return cls(read_content(path))

    def assess(self, text: str, earlier: Sequence[str] = ()) -> Assessment:
        """Weigh one message, given the visitor's earlier messages, oldest first."""
        before = [self._read(message) for message in earlier[-KEPT_MESSAGES:]]
        treated_before = any(message.treated for message in before)
        now = self._read(text, told_before=treated_before)
        findings = [*self._findings(now, before), *self._pieced_together(now, before)]
        if not any(f.level is Level.EMERGENCY for f in findings) and now.hulls("retractions"):
            findings += self._taken_back(before)
        treated = treated_before or now.treated
        complaint = max((c.level for c in now.complaints), default=Level.NONE)
        if complaint and treated and now.unexpected_after_treatment:
            complaint = Level.URGENT
        level = max((*(f.level for f in findings), complaint))
        top = [f for f in findings if f.level is level]
        return Assessment(
            level=level,
            kind=_kind(level, top),
            matches=tuple(f.match() for f in sorted(findings, key=lambda f: (-f.level, f.where[0] - f.where[1]))),
            list_version=self.version,
            treated=treated,
            bodily=bool(complaint) or any(f.level and f.rule.kind != "abuse" for f in findings),
            foreign=now.foreign or any(f.rule.as_written for f in findings),
            report=_report(now, top, treated),
        )

    def knows(self, word: str) -> bool:
        """Say whether a word is read as it is written, and not taken for a misspelling."""
        return self._content.normaliser.knows(word)

    def _read_message(self, text: str, told_before: bool = False) -> _Message:
        spoken = self._content.normaliser.words(text)
        return self._message(spoken.clean, spoken.words, 0, told_before)

    def _message(self, clean: str, words: Sequence[Word], own: int, told_before: bool) -> _Message:
        starts = [at for at, word in enumerate(words) if at == 0 or word.sentence != words[at - 1].sentence]
        places = self._content.lexicon.scan([word.text for word in words], starts)
        message = _Message(self._content, clean, words, places, own, told_before)
        if idioms := message.hulls("idioms"):
            message = _Message(self._content, clean, words, places.without(idioms), own, told_before)
        return message

    def _findings(self, now: _Message, before: Sequence[_Message]) -> Iterator[_Finding]:
        said = now.present
        for message in before:
            said |= message.present
        for rule, level, pattern in self._lines.passing(said):
            if finding := _find(rule, level, pattern, now, before):
                yield finding

    def _pieced_together(self, now: _Message, before: Sequence[_Message]) -> Iterator[_Finding]:
        """Find what is said in pieces: the body part in one message, the sign in the next."""
        missing = [name for name in ("site", "sign") if not now.group(name)]
        carried = [
            Word(message.words[at].text, 0, 0, 0)
            for message in before[-CARRIED_MESSAGES:]
            for at in sorted({at for name in missing for span in message.meant(name) for at in range(*span)})
        ]
        if carried and now.words:
            joined = self._message(now.clean, [*carried, *now.words], len(carried), now.told_before)
            yield from (f for f in self._findings(joined, ()) if f.where[0] < joined.own < f.where[1])

    def _taken_back(self, before: Sequence[_Message]) -> Iterator[_Finding]:
        """Repeat an earlier emergency: "it's fine now" ends nothing."""
        for at, message in enumerate(before):
            yield from (f for f in self._findings(message, before[:at]) if f.level is Level.EMERGENCY)


@dataclass(frozen=True)
class _Finding:
    """A pattern found in a message, weighed."""

    rule: Rule
    pattern: Pattern
    level: Level
    kind: str
    where: Span
    message: _Message

    @property
    def words(self) -> str:
        return self.message.wording(self.where)

    def match(self) -> Match:
        rule = self.rule
        return Match(rule.id, rule.name, self.level, self.kind, self.pattern.written, self.words, rule.approved_by, rule.source)


class _Standing(enum.IntEnum):
    """How a finding is meant; of several places the most serious counts."""

    GENERAL = 0
    DENIED = 1
    PAST = 2
    PRESENT = 3


@dataclass(frozen=True)
class _Complaint:
    where: Span
    level: Level


class _Message:
    """A message, and everything that is looked up in it."""

    def __init__(self, content: Content, clean: str, words: Sequence[Word], places: Places, own: int, told_before: bool) -> None:
        self._content = content
        self.clean = clean
        self.words = words
        self.places = places
        self.own = own
        """Where the message itself begins; what stands before is carried over from earlier ones."""
        self.told_before = told_before
        """Needling was told of before: then "is it normal" is about the visitor."""
        self.present = places.present
        self._counting: dict[str, Places] = {}

    def hits(self, pattern: Pattern, part: int = 0, rule: Rule | None = None) -> list[Hit]:
        """Find one part of a pattern, without the words that do not count for a rule."""
        wanted = pattern.parts[part]
        if wanted.needs & ~self.present:
            return []
        return wanted.hits(self._counting_for(rule) if rule else self.places)

    def hulls(self, talk: str) -> list[Span]:
        """Return the stretches that a section of `talk:` covers; what lowers a level never reaches into another sentence."""
        patterns = self._content.talk[talk].passing(self.present)
        return [hull(hit) for hit in self._lowering(patterns, talk in STRICT_TALK)]

    def _lowering(self, patterns: Iterable[Pattern], one_sentence: bool = True) -> Iterator[Hit]:
        for pattern in patterns:
            yield from (hit for hit in self.hits(pattern) if not one_sentence or self._within_one_sentence(hit))

    def _within_one_sentence(self, hit: Hit) -> bool:
        start, end = hull(hit)
        return self._sentence((start, end)) == self._sentence((max(start, end - 1), end))

    def group(self, name: str) -> list[Span]:
        """Return where the words of a group stand."""
        return self.places.of(self._content.groups[name])

    def meant(self, name: str) -> list[Span]:
        """Return where the words of a group stand and are meant of somebody now."""
        return [span for span in self.group(name) if self.standing((span,), False) is _Standing.PRESENT]

    def wording(self, where: Span) -> str:
        """Return what the visitor wrote there."""
        first, last = max(where[0], self.own), max(where[1], self.own + 1)
        return self.clean[self.words[first].start : self.words[last - 1].end] if first < len(self.words) else ""

    def standing(self, hit: Hit, always: bool) -> _Standing:
        """Say how a finding is meant."""
        if self._is_denied(hit):
            return _Standing.DENIED
        if self._is_past(hull(hit)):
            return _Standing.PAST
        if not always and self._is_general(hull(hit)):
            return _Standing.GENERAL
        return _Standing.PRESENT

    def is_checked(self, where: Span) -> bool:
        """Say whether somebody asks if a sign is normal: then it is likely there."""
        return any(self._sentence(span) == self._sentence(where) for span in self._checking)

    @cached_property
    def foreign(self) -> bool:
        """Say whether the message is not English."""
        words = {word.text for word in self.words}
        if any(not word.isascii() and word[0].isalpha() and ord(word[0]) > _LAST_LATIN for word in words):
            return True
        known = {name: len(words & few) for name, few in self._content.languages.items()}
        english = known.pop("english")
        best = max(known.values(), default=0)
        return best > english and (best >= 2 or len(words) <= 2)

    @cached_property
    def treated(self) -> bool:
        """Say whether the visitor tells of needling."""
        return not self.hulls("not_treated") and any(not self._is_general(span) for span in self.hulls("treated"))

    @cached_property
    def complaints(self) -> list[_Complaint]:
        """Return the bodily complaints of somebody, with what each needs at least."""
        anchored = self.told_before or self._personal or self.group("site") or self._now
        found = [((span,), self.standing((span,), False)) for span in self.group("complaint")]
        return [_Complaint(hit[0], Level.ROUTINE) for hit, standing in found if standing >= _Standing.PAST and anchored]

    @cached_property
    def unexpected_after_treatment(self) -> bool:
        """Say whether more is told than what is usual after needling, and than what needling was for."""
        usual = [*self.group("mild"), *self.hulls("reasons")]
        return any(not overlap(c.where, usual) and not self._is_past(c.where) for c in self.complaints)

    def subject(self, where: Span) -> str:
        """Say whose complaint it is: self, others or children; the person named last before it."""
        named = {name: self.group(name) for name in ("self", "others", "children")}
        relatives = [*named["others"], *named["children"]]
        # In "my old dad" the word "my" is not the visitor.
        named["self"] = [s for s in named["self"] if not any(0 <= r[0] - s[1] <= 1 for r in relatives)]
        people = [(span, name) for name, spans in named.items() for span in spans]
        if earlier := [(span[0], name) for span, name in people if span[0] < where[1]]:
            return max(earlier)[1]
        return min(((span[0], name) for span, name in people), default=(0, "self"))[1]

    def _counting_for(self, rule: Rule) -> Places:
        if rule.id not in self._counting:
            spared = [span for hit in self._lowering(rule.unless) for span in hit]
            self._counting[rule.id] = self.places.without(spared) if spared else self.places
        return self._counting[rule.id]

    def _sentence(self, span: Span) -> int:
        return self.words[min(span[0], len(self.words) - 1)].sentence if self.words else 0

    @cached_property
    def _asking(self) -> list[Span]:
        return [*self.hulls("asking"), *self._frames, *self._checking]

    @cached_property
    def _personal(self) -> list[Span]:
        """Words that make it somebody's own matter, outside polite and hypothetical phrases."""
        return [span for span in self.group("personal") if not overlap(span, self._frames)]

    @cached_property
    def _claims(self) -> list[Span]:
        return [span for span in self.hulls("claims") if not overlap(span, self._frames)]

    @cached_property
    def _checking(self) -> list[Span]:
        return self.hulls("checking")

    @cached_property
    def _frames(self) -> list[Span]:
        return self.hulls("frames")

    @cached_property
    def _personal_sentences(self) -> set[int]:
        return {self._sentence(span) for span in self._personal}

    @cached_property
    def _told_sentences(self) -> set[int]:
        """Sentences in which somebody tells of a complaint or a treatment of their own."""
        return {self._sentence(span) for span in [*self.group("complaint"), *self.hulls("treated")]} & self._personal_sentences

    @cached_property
    def _now(self) -> list[Span]:
        return self.hulls("now")

    @cached_property
    def _past(self) -> list[Span]:
        return self.hulls("past")

    @cached_property
    def _links(self) -> set[int]:
        return {at for span in self.group("denial_links") for at in range(*span)}

    def _is_general(self, where: Span) -> bool:
        sentence = self._sentence(where)
        if self._claims or self._told_sentences or sentence in self._personal_sentences:
            return False
        if self.told_before and self.is_checked(where):
            return False  # once needling was told of, "is it normal" is about the visitor
        return any(
            start <= where[0] <= end + _QUESTION_REACH and self._sentence((start, end)) == sentence for start, end in self._asking
        )

    def _is_denied(self, hit: Hit) -> bool:
        if self.foreign:
            return False  # "no" is "in the" in Portuguese
        return any(not overlap(cue, hit) and self._denies(cue, hit) for cue in self.group("denials"))

    def _denies(self, cue: Span, hit: Hit) -> bool:
        """Say whether a "no" or "not" stands at a word of the finding, with nothing but harmless words between."""
        for start, _ in hit:
            near = 0 <= start - cue[1] <= _DENIAL_REACH and self._links.issuperset(range(cue[1], start))
            if near and self._sentence(cue) == self._sentence((start, start + 1)):
                # "not bleeding much, but it won't stop" bleeds; "no chest pain but my knee hurts" is no chest pain.
                turned = any(cue[1] <= at < hull(hit)[1] + _TURN_REACH for at, _ in self.group("turns"))
                return not turned or cue in self.group("absences")
        return False

    def _is_past(self, where: Span) -> bool:
        """Say whether an old date stands nearer to a finding than any word of today."""
        if not self._past:
            return False
        if any(start <= where[0] and where[1] <= end for start, end in self._past):
            return True  # "had a stroke before" is one expression
        sentence = self._sentence(where)
        old = min((_apart(where, span) for span in self._past if self._sentence(span) == sentence), default=99)
        recent = min((_apart(where, span) for span in self._now if self._sentence(span) == sentence), default=99)
        return old <= _STORY_REACH and old < recent


def _find(rule: Rule, level: Level, pattern: Pattern, now: _Message, before: Sequence[_Message]) -> _Finding | None:
    """Look for a pattern; the parts of a `+` pattern may stand in earlier messages, but not all of them."""
    standing, where = _Standing.PRESENT, None
    if pattern.treated and not now.treated and not any(message.treated for message in before):
        return None
    news = now.treated if pattern.treated else False
    for part in range(len(pattern.parts)):
        hits = now.hits(pattern, part, rule)
        if not hits:
            if (news or len(pattern.parts) > 1) and any(_stands(message, pattern, part, rule) for message in before):
                continue
            return None
        best, place = max(((now.standing(hit, pattern.always), hull(hit)) for hit in hits), key=lambda each: each[0])
        if where is None or best < standing:
            where = place
        standing = min(standing, best)
    if where is None:
        if not news:
            return None
        where = now.hulls("treated")[0]
    level = _lowered(level, standing, rule, now.is_checked(where) if standing is _Standing.GENERAL else False)
    if level is Level.NONE:
        return None
    kind = _worded(rule.kind, level, now.subject(where))
    return _Finding(rule, pattern, level, kind, where, now)


def _stands(message: _Message, pattern: Pattern, part: int, rule: Rule) -> bool:
    return any(message.standing(hit, pattern.always) is _Standing.PRESENT for hit in message.hits(pattern, part, rule))


def _lowered(level: Level, standing: _Standing, rule: Rule, checked: bool) -> Level:
    if standing is _Standing.PRESENT or (standing is _Standing.GENERAL and checked and level is Level.EMERGENCY):
        return level
    # A machine does not believe "I am not suicidal": a person should read it.
    heeded = standing is _Standing.PAST or (standing is _Standing.DENIED and rule.kind == "crisis")
    return Level.ROUTINE if heeded else Level.NONE


def _worded(kind: str, level: Level, subject: str) -> str:
    """Choose the fixed text for one finding."""
    if level is Level.EMERGENCY:
        if kind == "emergency" and subject != "self":
            return "child" if subject == "children" else "someone_else"
        return kind
    if kind in ("pregnancy", "child", "abuse") and level is Level.URGENT:
        return kind
    if kind == "abuse":
        return kind
    return "urgent" if level is Level.URGENT else "staff"


_KINDS_FIRST = ("crisis", "poison", "child", "pregnancy", "abuse", "emergency", "someone_else", "urgent", "staff")


def _kind(level: Level, top: Sequence[_Finding]) -> str:
    """Choose the fixed text for the message; on purpose and by poison means the crisis text first."""
    if not level:
        return ""
    kinds = {finding.kind for finding in top} or {"urgent" if level is Level.URGENT else "staff"}
    return next(kind for kind in _KINDS_FIRST if kind in kinds)


def emergency_kind(level: Level, kind: str) -> str:
    """Return which emergency text fits; what the list found milder words no emergency, whoever sees one."""
    return (kind if level is Level.EMERGENCY else "") or "emergency"


def _report(now: _Message, top: Sequence[_Finding], treated: bool) -> Report:
    if top:
        symptom = _told_best(top)
    else:
        symptom = ", ".join(dict.fromkeys(now.wording(c.where) for c in now.complaints))
    region = next((now.wording(span) for span in now.group("site")), None)
    since = max((now.wording(span) for span in now.hulls("since")), key=len, default=None)
    after = True if treated else False if now.hulls("not_treated") else None
    return Report(symptom or None, region, since, after)


def _told_best(top: Sequence[_Finding]) -> str:
    """Return the visitor's words for the gravest findings: as much as a line of the queue holds, not one word of it."""
    words = sorted((finding.words for finding in top), key=len)
    return next((said for said in reversed(words) if len(said) <= _LINE), words[0])


def _apart(one: Span, other: Span) -> int:
    return max(one[0] - other[1], other[0] - one[1], 0)
