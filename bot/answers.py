"""The clinic's approved answers: found, versioned, edited, imported from files and exported back.

Served from memory: an edition of the content is made when the store's versions change, which is looked at once a
second at most, or at once when somebody rings. With the database away the last edition goes on being served, and before
there ever was one the files are: an answer never waits for a disk.
"""

from __future__ import annotations

import asyncio
import logging
import re
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

import yaml

from bot.check import ContentProblem, check, entry_problems, rules_for
from bot.clinic import Clinic, build_clinic, build_hours
from bot.content import TOPICS, WORDINGS, Entries, Fields, Place, plain, read_content, split_key, write_content
from bot.edition import Answer, Edition, FollowUp, title_of
from bot.errors import Conflict, ContentError, NotFound, Refused, StoreUnavailable
from bot.fields import Problems
from bot.labels import on_page, title
from bot.question import Question
from bot.store import Store, utc_now
from bot.versions import Change, ImportPlan, Version, Versions, is_passing
from bot.when import warm_up
from bot.wording import forbidden_words, reading_grade

__all__ = ["TOPICS", "Answer", "Answers", "Change", "Clinic", "ContentProblem", "FollowUp", "Imported", "Preview"]
__all__ += ["check", "fixed_texts", "forbidden_words", "reading_grade", "title_of"]

logger = logging.getLogger(__name__)

_TEXTS = re.compile(r"^texts:[^\n]*\n(?:[ \t#][^\n]*\n|\n)*", re.M)

FRESH_SECONDS = 1.0
"""How old an edition may be before the store is asked whether anything changed."""


@dataclass(frozen=True)
class Imported:
    """What an import did, by key."""

    imported: tuple[str, ...]
    """New, changed, or taken away in the files."""
    skipped: tuple[str, ...]
    """Changed in a file, but the store holds a newer edit: that one stays."""


@dataclass(frozen=True)
class Preview:
    """An edit before it is made: as the visitor would see it, and what is wrong with it."""

    text: str
    grade: float
    forbidden: tuple[str, ...]
    problems: tuple[str, ...]


class Answers:
    """Finds answers, and keeps their versions."""

    def __init__(
        self,
        store: Store | None,
        clinic_dir: Path,
        *,
        texts: Mapping[str, str] | None = None,
        clock: Callable[[], datetime] = utc_now,
        on_change: Callable[[], object] | None = None,
    ) -> None:
        """Read the content; `texts` are safety.yml's, `on_change` is called after every change made here."""
        self._versions = Versions(store) if store is not None else None
        self._clinic_dir = clinic_dir
        self._texts = _safety_texts(clinic_dir) if texts is None else texts
        self._clock = clock
        self._on_change = on_change
        self.on_fresh: list[Callable[[Clinic], object]] = []
        """What else follows the clinic's facts: called with them whenever new content was loaded, whoever changed it."""
        self._lock = threading.Lock()
        self._count = -1
        self._looked_at = float("-inf")
        self._watched = False
        self._edition = self._load() or self._from_files()
        warm_up()

    # -- finding -----------------------------------------------------------------------------------------------------

    def find(
        self,
        topic: str,
        text: str = "",
        site: str | None = None,
        at: datetime | None = None,
        context: Mapping[str, str] | None = None,
    ) -> Answer:
        """Answer a question about a topic; `context` is the `about` of the answer before."""
        known = {name: str(value) for name, value in (context or {}).items() if value}
        return self._current().answer(topic, text, site, at or self._clock(), known)

    def clinic(self) -> Clinic:
        """Return the clinic's facts as they are now."""
        return self._current().clinic

    def fixed(self, kind: str, handoff_line: str = "", site: str | None = None) -> str:
        """Return a fixed text (safety.yml, or a wording) with its numbers filled in."""
        return self._current().render(kind, handoff_line, site)

    def handoff_line(self, state: str, site: str | None = None, at: datetime | None = None) -> str:
        """Say the truth about a handoff: `told`, `kept` or `lost`; outside opening hours also when the team is back."""
        return self._current().handoff_line(state, site, at or self._clock())

    def staff_line(self, site: str | None = None, at: datetime | None = None) -> str:
        """Say until when the team is there, or when it is back."""
        return self._current().staff_line(site, at or self._clock())

    def site_named(self, text: str) -> str | None:
        """Return the slug of the site a text names, or None."""
        return self._current().site_named(Question.of(text))

    def was_open(self, site: str | None = None) -> Callable[[datetime], bool]:
        """Return what says whether a site was open at a past moment, by the hours and the switch that held then."""
        clinic = self.clinic()
        here = clinic.site(site)
        key = f"clinic/hours/{here.slug}"
        weeks = [(at, build_hours(key, fields, clinic.country, Problems())) for at, fields in self._steps(key) if fields]
        weeks = weeks or [(self._clock(), here.hours)]
        switches = self._steps(f"clinic/closed_now/{here.slug}")

        def was_open(at: datetime) -> bool:
            switch = next((fields for since, fields in switches if since <= at), None)
            if switch and at < datetime.fromisoformat(switch["until"]):
                return False
            # What was before the first version that is kept is taken to have been like it.
            return next((hours for since, hours in weeks if since <= at), weeks[-1][1]).is_open(at)

        return was_open

    # -- staying fresh -----------------------------------------------------------------------------------------------

    def refresh(self) -> None:
        """Look at once whether the store's content changed, as when the bell rings."""
        self._looked_at = time.monotonic()
        # Loaded and put in place under one lock: an older edition must never replace a newer one.
        with self._lock:
            edition = self._load()
            if edition is not None:
                self._edition = edition
                for follow in self.on_fresh:
                    follow(edition.clinic)

    async def watch(self, stop: asyncio.Event) -> None:
        """Keep the content fresh until stopped, off the event loop; `find` then never touches the database."""
        self._watched = True
        try:
            while not stop.is_set():
                await asyncio.get_running_loop().run_in_executor(None, self.refresh)
                with suppress(asyncio.TimeoutError):
                    await asyncio.wait_for(stop.wait(), FRESH_SECONDS)
        finally:
            self._watched = False

    def _current(self) -> Edition:
        if not self._watched and time.monotonic() - self._looked_at > FRESH_SECONDS:
            self.refresh()
        return self._edition

    def _load(self) -> Edition | None:
        """Return a new edition if the store's content changed, else None."""
        if self._versions is None:
            return None
        try:
            count = self._versions.count()
            if count in (self._count, 0):
                return None
            found = self._versions.latest()
            edition = Edition(_served(found), {key: one.version for key, one in found.items()}, self._texts)
        except (StoreUnavailable, ContentError) as error:
            logger.warning("answers: the last content stays: %s", error)
            return None
        self._count = count
        return edition

    def _from_files(self) -> Edition:
        return Edition(read_content(self._clinic_dir).entries, {}, self._texts)

    # -- files -------------------------------------------------------------------------------------------------------

    def import_files(self, *, force: bool = False, strict: bool = False, member: str | None = None) -> Imported:
        """Bring changed clinic files into the store; what the store holds newer stays and is named in `skipped`.

        `strict` makes such a newer edit a Conflict that changes nothing; `force` lets the files win.
        """
        problems = [problem for problem in check(self._clinic_dir, self._today()) if problem.blocks]
        if problems:
            more = f" (and {len(problems) - 1} more: see `clinic check`)" if len(problems) > 1 else ""
            raise ContentError(f"{problems[0]}{more}")
        files, versions = read_content(self._clinic_dir).entries, self._kept()
        if strict and not force and (newer := versions.plan(files).skipped):
            raise Conflict(f"the store holds newer edits of {', '.join(newer)}: export them first, or force the import")
        plan = versions.bring_in(files, force=force, at=self._clock(), member=member)
        if plan.changed or plan.removed or force:
            self._changed()
        done = (*plan.changed, *plan.removed, *(plan.skipped if force else ()))
        return Imported(done, () if force else plan.skipped)

    def plan_import(self) -> ImportPlan:
        """Say what an import would do, doing nothing."""
        return self._kept().plan(read_content(self._clinic_dir).entries)

    def export(self, folder: Path | None = None, *, member: str | None = None) -> tuple[Path, ...]:
        """Write the served content to clinic.yml and answers.yml; into the clinic's own folder if none is named."""
        versions = self._kept()
        entries = {key: fields for key, fields in _served(versions.latest()).items() if not is_passing(key)}
        written = write_content(folder or self._clinic_dir, entries or self._edition.entries)
        if folder is None or folder.resolve() == self._clinic_dir.resolve():
            versions.mark_exported(at=self._clock(), member=member)
        return written

    # -- editing -----------------------------------------------------------------------------------------------------

    def entries(self) -> dict[str, Version]:
        """Return the served version of every entry, by key."""
        return {key: one for key, one in self._kept().latest().items() if one.fields is not None}

    def history(self, key: str) -> tuple[Change, ...]:
        """Return who changed an entry when, what it said before and after; the newest first."""
        return self._kept().history(key)

    def preview(self, key: str, fields: Mapping[str, Any] | str, site: str | None = None) -> Preview:
        """Show an edit as the visitor would see it, with its reading grade and what is wrong with it."""
        merged = self._merged(key, fields)
        said = "\n".join([str(merged.get("text") or ""), *map(str, (merged.get("phrases") or {}).values())]).strip()
        forbidden = tuple(forbidden_words(said))
        text = self._edition.preview(str(merged.get("text") or said), site)
        return Preview(text, reading_grade(said), forbidden, self._problems(key, merged))

    def edit(
        self,
        key: str,
        fields: Mapping[str, Any] | str,
        *,
        member: str,
        approved_by: str | None = None,
        reviewed_on: date | None = None,
        base: int | None = None,
    ) -> Version:
        """Change an entry at once: a text, or fields by name (None takes a field away).

        An answer's wording needs `approved_by`. `base` is the version the member saw: Conflict if it is not the newest
        any more. Refused where the check would refuse the result.
        """
        merged = self._merged(key, fields)
        if not key.startswith("clinic/"):
            if not approved_by:
                raise Refused("Approved by: say who approved this wording")
            merged["approved_by"] = approved_by
            merged["reviewed_on"] = (reviewed_on or self._today()).isoformat()
        return self._keep(key, merged, member, base)

    def revert(self, key: str, version: int, *, member: str) -> Version:
        """Put an older version back, as a new one."""
        for change in self.history(key):
            if change.version == version and change.after is not None:
                return self._keep(key, change.after, member, None)
        raise NotFound(f"no version {version} of {key!r}")

    def remove(self, key: str, *, member: str) -> Version:
        """Take a finer answer (or an own topic) away; what the assistant cannot do without stays."""
        topic, variant = split_key(key)
        if not variant and topic in (*TOPICS, *WORDINGS) or key.startswith("clinic/") and not is_passing(key):
            raise Refused(f"{key} is needed")
        return self._written(self._kept().change(key, None, member=member, at=self._clock()))

    def close_now(self, site: str, until: datetime, *, member: str, reason: str = "") -> Version:
        """Close a site at once until a moment, as on a snow day."""
        if until.tzinfo is None or until <= self._clock():
            raise Refused("expected a moment that is still to come")
        slug = self.clinic().site(site).slug
        fields = {"until": until.isoformat(), "reason": reason}
        return self._written(self._kept().change(f"clinic/closed_now/{slug}", fields, member=member, at=self._clock()))

    def open_again(self, site: str, *, member: str) -> Version:
        """End a "closed now" before its time."""
        key = f"clinic/closed_now/{self.clinic().site(site).slug}"
        return self._written(self._kept().change(key, None, member=member, at=self._clock()))

    # -- helpers -----------------------------------------------------------------------------------------------------

    def _kept(self) -> Versions:
        if self._versions is None:
            raise StoreUnavailable("the content is served from files: there is no database")
        return self._versions

    def _steps(self, key: str) -> list[tuple[datetime, Fields | None]]:
        """Return what an entry said from when on, the newest first; nothing where it was never written."""
        with suppress(NotFound):
            return [(change.at, change.after) for change in self.history(key)]
        return []

    def _merged(self, key: str, fields: Mapping[str, Any] | str) -> Fields:
        given = {"text": fields} if isinstance(fields, str) else dict(fields)
        topic, variant = split_key(key)
        present = self._edition.entries.get(key, {})
        if variant and topic not in self._edition.entries and topic != "clinic" or topic == "clinic" and not present:
            raise NotFound(f"no entry {key!r}")
        return {name: value for name, value in plain({**present, **given}).items() if value is not None}

    def _keep(self, key: str, fields: Fields, member: str, base: int | None) -> Version:
        problems = self._problems(key, fields)
        if problems:
            raise Refused("; ".join(problems))
        return self._written(self._kept().change(key, fields, member=member, at=self._clock(), base=base))

    def _problems(self, key: str, fields: Fields) -> tuple[str, ...]:
        """Return what would be wrong if this entry were served, in the words of its page."""
        entries = {**self._edition.entries, key: fields}
        found = Problems()
        clinic = build_clinic(entries, found)
        if key.startswith("clinic/"):
            known = {text for _, _, text in self._edition.problems}
            wrong = [_told(at, place, text, entries, key) for at, place, text in found.found if text not in known]
            return tuple(dict.fromkeys(wrong + self._broken_texts(clinic, entries)))
        rules = rules_for(clinic, entries, self._today())
        return tuple(
            dict.fromkeys(on_page(place, text, fields) for place, text, blocks in entry_problems(key, fields, rules) if blocks)
        )

    def _broken_texts(self, clinic: Clinic, entries: Entries) -> list[str]:
        """List the answers that would speak of a fact which is not there any more."""
        rules = rules_for(clinic, entries, self._today())
        return [
            _told(key, place, text, entries)
            for key, fields in entries.items()
            if not key.startswith("clinic/")
            for place, text, _ in entry_problems(key, fields, rules)
            if place[:1] in (("text",), ("phrases",)) and ("placeholder" in text or "filled in" in text)
        ]

    def _today(self) -> date:
        return self._edition.clinic.site(None).hours.local(self._clock()).date()

    def _written(self, version: Version) -> Version:
        self._changed()
        return version

    def _changed(self) -> None:
        self.refresh()
        if self._on_change is not None:
            self._on_change()


def fixed_texts(clinic_dir: Path) -> Edition:
    """Return the clinic's content straight from its files, for `.render(kind, handoff_line)` without a database."""
    return Edition(read_content(clinic_dir).entries, {}, _safety_texts(clinic_dir))


def _told(key: str, place: Place, expected: str, entries: Entries, page: str = "") -> str:
    """Say what is wrong with an entry; where another one was being changed, also with which."""
    said = on_page(place, expected, entries.get(key, {}))
    return said if key == page else f"{title(key, entries.get(key, {}))}, {said}"


def _served(found: Mapping[str, Version]) -> Entries:
    return {key: one.fields for key, one in found.items() if one.fields is not None}


def _safety_texts(clinic_dir: Path) -> Mapping[str, str]:
    """Read the fixed texts only: the patterns below them take a second to parse and are `bot.safety`'s."""
    with suppress(OSError, UnicodeDecodeError):
        found = _TEXTS.search((clinic_dir / "safety.yml").read_text(encoding="utf-8"))
        data = yaml.safe_load(found[0]) if found else {}
        return {str(kind): " ".join(str(text).split()) for kind, text in data.get("texts", {}).items()}
    return {}
