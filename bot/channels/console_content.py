"""What staff change themselves: answers, hours, closures, prices, the team, canned replies, notification rules.

All of it goes through `Answers`, which keeps every version and refuses what the check would refuse; a change is served
at once, without training. Who changed what, before and after, also goes to the audit log.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

from bot.answers import title_of
from bot.canned import STARTERS, Canned, CannedReply, check_gaps, gaps
from bot.channels.console_desk import moment
from bot.channels.console_guard import Call, Guard
from bot.check import add_months
from bot.clinic import Clinic, Site
from bot.content import TOPICS, split_key
from bot.errors import NotFound, Refused
from bot.hours import calendar, clock_text
from bot.store import utc_now
from bot.versions import Version
from bot.wording import facts

LONGEST_CLOSURE_DAYS = 31

FACTS = ("about", "numbers", "prices", "payment_methods", "policies", "team", "privacy")
"""The parts of clinic.yml, beside sites, that the page of facts shows."""


def add_content(guard: Guard) -> None:
    """Register the addresses of the clinic's content."""
    _add_answers(guard)
    _add_hours(guard)
    _add_closing(guard)
    _add_facts(guard)
    _add_rules(guard)
    _add_canned(guard)


def _add_answers(guard: Guard) -> None:
    parts = guard.parts

    @guard.on("GET", "/api/answers", "answers_read")
    async def answers(call: Call) -> dict[str, Any]:
        entries = await parts.store.read(parts.answers.entries)
        clinic = parts.answers.clinic()
        site = clinic.site(None)
        today = _today(site)
        rows = [_answer_row(v, clinic, today) for key, v in entries.items() if not key.startswith("clinic/")]
        return {"answers": rows, "placeholders": facts(clinic, site), "sites": _sites(clinic), "today": today.isoformat()}

    @guard.on("GET", "/api/answers/<key:path>", "answers_read")
    async def history(call: Call, key: str) -> dict[str, Any]:
        return await _history(guard, _checked(key, answer=True))

    @guard.on("POST", "/api/preview", "answers")
    async def preview(call: Call) -> dict[str, Any]:
        key = _checked(call.text("key"), answer=True)
        shown = await parts.store.read(parts.answers.preview, key, _fields(call), call.asked("site") or None)
        return {"text": shown.text, "grade": shown.grade, "forbidden": shown.forbidden, "problems": shown.problems}

    @guard.on("PUT", "/api/answers/<key:path>", "answers")
    async def edit(call: Call, key: str) -> dict[str, Any]:
        signed = {"approved_by": call.text("approved_by", longest=120).strip(), "reviewed_on": _day(call)}
        return await _edit(guard, call, _checked(key, answer=True), **signed)

    @guard.on("POST", "/api/answers/<key:path>", "answers")
    async def revert(call: Call, key: str) -> dict[str, Any]:
        return await _revert(guard, call, _checked(key, answer=True))


def _add_hours(guard: Guard) -> None:
    parts = guard.parts

    @guard.on("GET", "/api/hours", "hours")
    async def hours(call: Call) -> dict[str, Any]:
        entries = await parts.store.read(parts.answers.entries)
        clinic = parts.answers.clinic()
        return {"sites": [_hours_row(site, entries, clinic) for site in clinic.sites], "clock": clinic.clock}

    @guard.on("PUT", "/api/hours/<site>", "hours")
    async def edit(call: Call, site: str) -> dict[str, Any]:
        parts.answers.clinic().site(site)
        return await _edit(guard, call, f"clinic/hours/{site}")

    @guard.on("GET", "/api/hours/<site>", "hours")
    async def history(call: Call, site: str) -> dict[str, Any]:
        return await _history(guard, f"clinic/hours/{site}")

    @guard.on("POST", "/api/hours/<site>", "hours")
    async def revert(call: Call, site: str) -> dict[str, Any]:
        return await _revert(guard, call, f"clinic/hours/{site}")


def _add_closing(guard: Guard) -> None:
    parts = guard.parts

    @guard.on("POST", "/api/sites/<site>/close", "hours")
    async def close(call: Call, site: str) -> dict[str, Any]:
        until, reason = moment(call.text("until")), call.text("reason", "", longest=200).strip()
        if until > utc_now() + timedelta(days=LONGEST_CLOSURE_DAYS):
            raise Refused(f"close now lasts {LONGEST_CLOSURE_DAYS} days at most: enter a closure instead")
        await parts.store.run(lambda: parts.answers.close_now(site, until, member=call.by, reason=reason))
        after = {"site": site, "until": until.isoformat(), "reason": reason}
        await guard.note(call, "content.closed_now", None, after)
        return {"site": _open_state(parts.answers.clinic().site(site))}

    @guard.on("POST", "/api/sites/<site>/open", "hours")
    async def open_again(call: Call, site: str) -> dict[str, Any]:
        await parts.store.run(lambda: parts.answers.open_again(site, member=call.by))
        await guard.note(call, "content.open_again", None, {"site": site})
        return {"site": _open_state(parts.answers.clinic().site(site))}


def _add_facts(guard: Guard) -> None:
    parts = guard.parts

    @guard.on("GET", "/api/facts", "facts")
    async def all_facts(call: Call) -> dict[str, Any]:
        entries = await parts.store.read(parts.answers.entries)
        shown = [key for key in entries if _is_fact(key)]
        return {"facts": [_entry(entries[key]) for key in shown], "sites": _sites(parts.answers.clinic())}

    @guard.on("GET", "/api/facts/<key:path>", "facts")
    async def history(call: Call, key: str) -> dict[str, Any]:
        return await _history(guard, _fact(key))

    @guard.on("PUT", "/api/facts/<key:path>", "facts")
    async def edit(call: Call, key: str) -> dict[str, Any]:
        return await _edit(guard, call, _fact(key))

    @guard.on("POST", "/api/facts/<key:path>", "facts")
    async def revert(call: Call, key: str) -> dict[str, Any]:
        return await _revert(guard, call, _fact(key))


def _add_rules(guard: Guard) -> None:
    parts = guard.parts

    @guard.on("GET", "/api/rules", "rules")
    async def rules(call: Call) -> dict[str, Any]:
        entries = await parts.store.read(parts.answers.entries)
        found = entries.get("clinic/notifications")
        return {"rules": _entry(found) if found else None, "media": ["email", "webhook", "chat"]}

    @guard.on("PUT", "/api/rules", "rules")
    async def edit(call: Call) -> dict[str, Any]:
        return await _edit(guard, call, "clinic/notifications")


def _add_canned(guard: Guard) -> None:
    store = guard.parts.store
    canned = Canned(store)

    async def keep(call: Call, canned_id: str | None = None) -> dict[str, Any]:
        title, text = call.text("title"), call.text("text")
        check_gaps(text, guard.parts.answers.clinic())
        return {"canned": _canned_row(await store.run(canned.save, title, text, member=call.by, canned_id=canned_id))}

    @guard.on("GET", "/api/canned", "canned")
    async def replies(call: Call) -> dict[str, Any]:
        known = gaps(guard.parts.answers.clinic())
        return {"canned": [_canned_row(one) for one in await store.read(canned.all)], "placeholders": known}

    @guard.on("POST", "/api/canned", "canned")
    async def add(call: Call) -> dict[str, Any]:
        return await keep(call)

    @guard.on("POST", "/api/canned/starters", "canned")
    async def starters(call: Call) -> dict[str, Any]:
        known = {one.title for one in await store.read(canned.all)}
        for title, text in STARTERS:
            if title not in known:
                await store.run(canned.save, title, text, member=call.by)
        return {"canned": [_canned_row(one) for one in await store.read(canned.all)]}

    @guard.on("PUT", "/api/canned/<canned_id>", "canned")
    async def change(call: Call, canned_id: str) -> dict[str, Any]:
        return await keep(call, canned_id)

    @guard.on("DELETE", "/api/canned/<canned_id>", "canned")
    async def remove(call: Call, canned_id: str) -> dict[str, Any]:
        await store.run(canned.remove, canned_id, member=call.by)
        return {}


async def _edit(guard: Guard, call: Call, key: str, **signed: Any) -> dict[str, Any]:
    """Change an entry; write who, when, before and after to the audit log."""
    answers, store = guard.parts.answers, guard.parts.store
    fields, base = _fields(call), call.number("base")

    def change() -> Version:
        before = answers.entries().get(key)
        version = answers.edit(key, fields, member=call.by, base=base, **signed)
        said = {"key": key, "version": version.version, "fields": version.fields}
        was = {"version": before.version, "fields": before.fields} if before else None
        guard.write("content.edited", call.by, was, said)
        return version

    return _entry(await store.run(change))


async def _revert(guard: Guard, call: Call, key: str) -> dict[str, Any]:
    number = call.number("version")
    if number is None:
        raise Refused("say which version")
    revert = guard.parts.answers.revert
    version = await guard.parts.store.run(lambda: revert(key, number, member=call.by))
    await guard.note(call, "content.reverted", None, {"key": key, "to": number, "version": version.version})
    return _entry(version)


async def _history(guard: Guard, key: str) -> dict[str, Any]:
    changes = await guard.parts.store.read(guard.parts.answers.history, key)
    steps = [
        {
            "version": change.version,
            "member": change.member,
            "at": change.at.isoformat(timespec="seconds"),
            "origin": change.origin,
            "before": change.before,
            "after": change.after,
        }
        for change in changes
    ]
    return {"key": key, "history": steps}


def _answer_row(version: Version, clinic: Clinic, today: date) -> dict[str, Any]:
    topic, variant = split_key(version.key)
    reviewed = (version.fields or {}).get("reviewed_on")
    due = add_months(date.fromisoformat(reviewed), clinic.review_months) if reviewed else None
    return {
        **_entry(version),
        "topic": topic,
        "variant": variant,
        "title": title_of(topic),
        "is_topic": topic in TOPICS,
        "review_due": due.isoformat() if due else None,
        "overdue": due is None or due < today,
    }


def _entry(version: Version) -> dict[str, Any]:
    return {
        "key": version.key,
        "version": version.version,
        "fields": version.fields,
        "member": version.member,
        "at": version.at.isoformat(timespec="seconds"),
        "origin": version.origin,
    }


def _hours_row(site: Site, entries: Mapping[str, Version], clinic: Clinic) -> dict[str, Any]:
    found = entries.get(f"clinic/hours/{site.slug}")
    if found is None:
        raise NotFound(f"{site.title} has no hours in the store: run `python -m bot clinic import`")
    local = site.hours.local(utc_now())
    rule = site.hours.holidays
    country, state = (rule.country, rule.state) if rule else (clinic.country, None)
    known = {name.removesuffix(" (observed)") for names in calendar(country, state, local.year).values() for name in names}
    coming = [
        {"day": day.day.isoformat(), "reason": day.reason, "periods": [str(period) for period in day.periods]}
        for day in site.hours.upcoming(utc_now(), 60)
    ]
    shown = {"holidays": sorted(known), "coming": coming, "today": _today(site).isoformat()}
    return {**_entry(found), **_open_state(site), **shown}


def _open_state(site: Site) -> dict[str, Any]:
    now = utc_now()
    is_open, until = site.hours.is_open(now), site.hours.closed_until
    changes = site.hours.next_close(now) if is_open else site.hours.next_open(now)
    local = site.hours.local(changes) if changes else None
    return {
        "site": site.slug,
        "title": site.title,
        "phone": site.phone,
        "zone": site.hours.zone,
        "open": is_open,
        "changes_at": changes.isoformat() if changes else None,
        "changes_text": f"{local:%A} {clock_text(local.hour * 60 + local.minute)}" if local else "",
        "closed_until": until.isoformat() if until and until > now else None,
        "closed_reason": site.hours.closed_reason,
    }


def _today(site: Site) -> date:
    """Return the day it is at the site: the reader's own may be another."""
    return site.hours.local(utc_now()).date()


def _sites(clinic: Clinic) -> list[dict[str, str]]:
    return [{"slug": site.slug, "title": site.title, "phone": site.phone} for site in clinic.sites]


def _canned_row(reply: CannedReply) -> dict[str, Any]:
    at = reply.at.isoformat(timespec="seconds")
    return {"id": reply.id, "title": reply.title, "text": reply.text, "member": reply.member, "at": at}


def _fields(call: Call) -> Mapping[str, Any]:
    fields = call.body.get("fields")
    if not isinstance(fields, dict) or not fields:
        raise Refused("fields are missing")
    return fields


def _day(call: Call) -> date | None:
    try:
        return date.fromisoformat(call.text("reviewed_on", "")) if call.body.get("reviewed_on") else None
    except ValueError:
        raise Refused("this is not a day") from None


def _checked(key: str, *, answer: bool) -> str:
    """Keep an address of answers from reaching the clinic's facts, and the other way round."""
    if key.startswith("clinic/") is answer:
        raise NotFound("there is no such answer" if answer else "there is no such fact")
    return key


def _fact(key: str) -> str:
    if not _is_fact(f"clinic/{key}"):
        raise NotFound("there is no such fact")
    return f"clinic/{key}"


def _is_fact(key: str) -> bool:
    return key.startswith("clinic/sites/") or key in {f"clinic/{name}" for name in FACTS}
