"""What is wrong with a clinic's content, with file, line and what is expected there.

`check` reads a folder as the clinic wrote it; `entry_problems` judges one entry, so the console says while typing what
the check would say later.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from bot.clinic import ORIGIN, Clinic, build_clinic
from bot.content import TARGETS, TOPICS, WORDINGS, ContentFiles, Entries, Fields, Place, read_content, split_key
from bot.errors import ContentError
from bot.fields import Problems
from bot.replies import PHRASES
from bot.wording import facts, forbidden_words, placeholders

_FIELDS = frozenset(("text", "phrases", "follow_ups", "offer", "when", "weak", "approved_by", "reviewed_on", "source"))
_SLUG = re.compile(r"[a-z][a-z0-9_]*")
_ANY_PLACEHOLDER = re.compile(r"\{([a-z_]+\.[a-z_]+)\}")

_PHRASE = re.compile(r"@?[a-z0-9]+(?: [a-z0-9]+)*\*?(?: \+ [a-z0-9]+(?: [a-z0-9]+)*\*?)*")

LONGEST_BUTTON = 40
"""Longer buttons do not fit a phone's screen."""

UNSIGNED = "not approved"
"""What `approved_by:` of safety.yml begins with until a clinician has signed."""

_SIGNATURE = re.compile(r"""^[ -]*approved_by:[ \t]*["']?(.*?)["']?[ \t]*$""")

_NO_TEXT = frozenset(("team_lines", "site_question"))


@dataclass(frozen=True)
class ContentProblem:
    """Something in a clinic file that stops it from being served, or soon will."""

    file: str
    line: int
    expected: str
    blocks: bool = True
    """False for what `clinic check` refuses but a start does not: a review that is overdue."""
    local: bool = False
    """True for what may be served to this machine all the same, but to nobody else: red flags that no clinician has signed."""

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.expected}" if self.local else f"{self.file}:{self.line}: expected {self.expected}"


@dataclass(frozen=True)
class Rules:
    """What an entry is judged by."""

    known: Mapping[str, str]
    """Placeholders and their values; an empty one is not filled in."""
    targets: frozenset[str]
    today: date
    review_months: int


Finding = tuple[Place, str, bool]


def check(clinic_dir: Path, today: date | None = None) -> list[ContentProblem]:
    """List everything that is wrong in clinic.yml, answers.yml, and the placeholders and signatures of safety.yml."""
    try:
        files = read_content(clinic_dir)
    except ContentError as error:
        return [_from_error(error)]
    problems = Problems()
    clinic = build_clinic(files.entries, problems)
    rules = rules_for(clinic, files.entries, today or date.today())
    found = [_at(files, key, place, expected) for key, place, expected in dict.fromkeys(problems.found)]
    found += [_at(files, key, place, expected, blocks) for key, place, expected, blocks in _answers(files.entries, rules)]
    found += [_at(files, "clinic/website", place, expected, False) for place, expected in _website(files.entries)]
    found += _safety(clinic_dir / "safety.yml", rules.known)
    found += unsigned(clinic_dir)
    return sorted(found, key=lambda problem: (problem.file, problem.line, problem.expected))


def unsigned(clinic_dir: Path) -> list[ContentProblem]:
    """List the lines of safety.yml that say that no clinician has approved it, or do not say who has."""
    path = clinic_dir / "safety.yml"
    says = (
        "not approved by a clinician; one has to sign it (`approved_by:`, see docs/safety.md, Before going live) "
        "before anybody but this machine is served"
    )
    signed = ((number, _SIGNATURE.match(line)) for number, line in enumerate(_lines(path), start=1))
    names = [(number, found[1].lower()) for number, found in signed if found]
    wrong = [number for number, name in names if name in ("", "~", "null") or name.startswith((UNSIGNED, "#"))]
    return [ContentProblem(_near(path), number, says, blocks=False, local=True) for number in wrong]


def rules_for(clinic: Clinic, entries: Entries, today: date) -> Rules:
    """Return what the entries of this clinic are judged by."""
    each = [facts(clinic, site) for site in clinic.sites]
    known = {name: value if all(one.get(name) for one in each) else "" for name, value in (each[0] if each else {}).items()}
    own = {key for key in entries if "/" not in key and key not in WORDINGS}
    return Rules(known, frozenset(TARGETS | own), today, clinic.review_months)


def entry_problems(key: str, fields: Fields, rules: Rules) -> Iterator[Finding]:
    """Yield what is wrong with one answer: place, what is expected, whether it stops a start."""
    topic, variant = split_key(key)
    if not all(map(_SLUG.fullmatch, key.split("/"))):
        yield (), f"a name of small letters, digits and underscores, not {key!r}", True
    for name in fields.keys() - _FIELDS:
        yield (name,), f"one of {', '.join(sorted(_FIELDS))}, not `{name}:`", True
    if topic not in _NO_TEXT and not str(fields.get("text") or ""):
        yield ("text",) if "text" in fields else (), "`text:` to be filled in", True
    gaps = {"handoff.line"} if topic in WORDINGS else set()
    yield from _wording(("text",), str(fields.get("text") or ""), gaps, rules)
    yield from _phrases(topic, variant, fields, rules)
    yield from _signature(fields, rules)
    yield from _links(fields, rules)
    if variant:
        yield from _when(fields)
    if not isinstance(fields.get("weak", False), bool):
        yield ("weak",), "`weak:` to be true or false", True


# -- one entry -------------------------------------------------------------------------------------------------------


def _wording(place: Place, text: str, gaps: set[str], rules: Rules) -> Iterator[Finding]:
    for name in dict.fromkeys(placeholders(text)):
        if name in gaps:
            continue
        if name not in rules.known:
            yield place, f"a known placeholder, not {{{name}}}", True
        elif not rules.known[name]:
            yield place, f"{{{name}}} to be filled in, in clinic.yml", True
    for word in forbidden_words(text):
        yield place, f"a wording without {word!r}: it promises what nobody can keep", True


def _phrases(topic: str, variant: str, fields: Fields, rules: Rules) -> Iterator[Finding]:
    wanted = {} if variant else PHRASES.get(topic, {})
    given = fields.get("phrases", {})
    if not isinstance(given, Mapping):
        yield ("phrases",), "phrases by name", True
        return
    for name, gaps in wanted.items():
        if not given.get(name):
            yield ("phrases", name), f"`{name}:` to hold a phrase", True
        yield from _wording(("phrases", name), str(given.get(name) or ""), set(gaps), rules)
    for name in given.keys() - wanted.keys():
        yield (
            ("phrases", name),
            f"one of the phrases {', '.join(wanted) or '(this answer has none)'}, not `{name}:`",
            True,
        )


def _signature(fields: Fields, rules: Rules) -> Iterator[Finding]:
    for name, says in (("approved_by", "who approved this"), ("source", "where this comes from")):
        if not str(fields.get(name) or "").strip():
            yield (name,), f"`{name}:` to say {says}", True
    day = _date(fields.get("reviewed_on"))
    if day is None:
        yield ("reviewed_on",), "`reviewed_on:` to be a day such as 2026-11-20", True
    elif day > rules.today:
        yield ("reviewed_on",), "`reviewed_on:` not to lie in the future", True
    elif (due := add_months(day, rules.review_months)) < rules.today:
        yield (
            ("reviewed_on",),
            f"a review since {due}: the last was on {day}, more than {rules.review_months} months ago",
            False,
        )


def _links(fields: Fields, rules: Rules) -> Iterator[Finding]:
    given = fields.get("follow_ups", {})
    if not isinstance(given, Mapping):
        yield ("follow_ups",), "follow-ups as `words on the button: topic`", True
        return
    for title, target in given.items():
        if target not in rules.targets:
            yield ("follow_ups", title), f"a topic that exists, not {target!r}", True
        if len(title) > LONGEST_BUTTON:
            yield ("follow_ups", title), f"a button of at most {LONGEST_BUTTON} characters", True
    offer = fields.get("offer")
    if offer is not None and offer not in rules.targets:
        yield ("offer",), f"a topic that exists, not {offer!r}", True


def _when(fields: Fields) -> Iterator[Finding]:
    when = fields.get("when")
    if not isinstance(when, list) or not when:
        yield ("when",), "`when:` to hold the keywords that choose this answer", True
        return
    for number, phrase in enumerate(when):
        # YAML reads a bare no, on or 24 as something else than a word.
        if not isinstance(phrase, str) or not _PHRASE.fullmatch(phrase):
            yield (
                ("when", number),
                f'keywords in small letters, such as "parking" or "how + fast", not {phrase!r}',
                True,
            )


# -- all entries -----------------------------------------------------------------------------------------------------


def _answers(entries: Entries, rules: Rules) -> Iterator[tuple[str, Place, str, bool]]:
    for name in (*TOPICS, *WORDINGS):
        if name not in entries:
            yield name, (), f"an answer for {name}", True
    for key, fields in entries.items():
        if not key.startswith("clinic/"):
            for place, expected, blocks in entry_problems(key, fields, rules):
                yield key, place, expected, blocks
    yield from _shared_keywords(entries)


def _website(entries: Entries) -> Iterator[tuple[Place, str]]:
    """Check the list of pages: what is no origin there is left out, and the chat then refused on that page."""
    listed = entries.get("clinic/website", {}).get("allowed_origins") or []
    if not isinstance(listed, list):
        yield ("allowed_origins",), f'a list such as ["https://www.your-clinic.com"], not {listed!r}'
        return
    for number, entry in enumerate(listed):
        if not ORIGIN.fullmatch(str(entry).rstrip("/")):
            yield (
                ("allowed_origins", number),
                f"an address with https:// and without a path, such as https://www.your-clinic.com, not {entry!r}",
            )


def _shared_keywords(entries: Entries) -> Iterator[tuple[str, Place, str, bool]]:
    taken: dict[tuple[str, str], str] = {}
    for key, fields in entries.items():
        topic, variant = split_key(key)
        when = fields.get("when") if variant and topic != "clinic" else None
        for number, phrase in enumerate(when if isinstance(when, list) else ()):
            other = taken.setdefault((topic, str(phrase)), variant)
            if other != variant:
                yield key, ("when", number), f"a keyword of its own: {phrase!r} already chooses {other}", True


def _safety(path: Path, known: Mapping[str, str]) -> Iterator[ContentProblem]:
    """Check only what this module fills in there; the patterns are `bot.safety`'s own business."""
    lines = _lines(path)
    if not lines:
        yield ContentProblem(str(path), 1, "a file that can be read")
        return
    for number, line in enumerate(lines, start=1):
        for name in _ANY_PLACEHOLDER.findall(line):
            if name != "handoff.line" and not known.get(name):
                yield ContentProblem(_near(path), number, f"{{{name}}} to be filled in, in clinic.yml")


def _lines(path: Path) -> list[str]:
    """Return the lines of a file, none where it cannot be read."""
    try:
        return path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return []


def _at(files: ContentFiles, key: str, place: Place, expected: str, blocks: bool = True) -> ContentProblem:
    file, line = files.where(key, place)
    return ContentProblem(file, line, expected, blocks)


def _from_error(error: ContentError) -> ContentProblem:
    found = re.match(r"(.*?)(?::(\d+))?: expected (.*)", str(error), re.S)
    if found is None:
        return ContentProblem("", 1, str(error))
    return ContentProblem(found[1], int(found[2] or 1), found[3])


def _near(path: Path) -> str:
    try:
        return str(path.resolve().relative_to(Path.cwd()))
    except ValueError:
        return str(path)


def _date(value: Any) -> date | None:
    try:
        return date.fromisoformat(str(value))
    except ValueError:
        return None


def add_months(day: date, months: int) -> date:
    """Return the same day some months later, or the last one of that month."""
    years, month = divmod(day.month - 1 + months, 12)
    for number in (day.day, 30, 29, 28):
        try:
            return date(day.year + years, month + 1, number)
        except ValueError:
            continue
    raise ValueError(day)
