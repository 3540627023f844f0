"""The rest of the console: notifications, records, figures, logs, people, one's own account, a visitor's data."""

from __future__ import annotations

import asyncio
from datetime import date, timedelta
from typing import Any

import segno
from sanic.response import HTTPResponse, raw, text

from bot import audit
from bot.channels.console_guard import HEADERS, Call, Guard
from bot.channels.console_shapes import handoff_row, member_row, notification_row
from bot.errors import NotFound, Refused
from bot.notify import NotificationRule, SelfTest
from bot.overview import FORMULA, Overview, accesses, overview
from bot.roles import ROLES, permissions_of
from bot.staff import StaffSession, code_uri, link_of, new_secret
from bot.store import utc_now

PAGE = 100

TESTED = 50


def add_owner(guard: Guard) -> None:
    """Register the addresses of everything that is not a conversation and not content."""
    _add_notifications(guard)
    _add_records(guard)
    _add_overview(guard)
    _add_logs(guard)
    _add_people(guard)
    _add_account(guard)
    _add_code(guard)
    _add_visitors(guard)


def _add_notifications(guard: Guard) -> None:
    parts = guard.parts

    @guard.on("GET", "/api/notifications", "notifications")
    async def notifications(call: Call) -> dict[str, Any]:
        found = await parts.store.read(lambda: (parts.outbox.dead(), parts.outbox.waiting(), parts.outbox.tested(TESTED)))
        dead, waiting, tested = ([notification_row(one) for one in some] for some in found)
        # A test stands with the tests: nobody waits, so nobody is to be called.
        dead, waiting = ([one for one in some if one["handoff"]] for some in (dead, waiting))
        last = await parts.store.read(parts.outbox.last_test)
        ways = [{"medium": rule.medium, "minutes": rule.after_minutes, "urgencies": rule.urgencies} for rule in _rules(guard)]
        return {"dead": dead, "waiting": waiting, "tested": tested, "ways": ways, "last_test": _test_row(last)}

    @guard.on("POST", "/api/notifications/test", "notifications")
    async def test(call: Call) -> dict[str, Any]:
        rules = _rules(guard)
        if not rules:
            raise Refused("nobody is notified of anything: write a rule first")
        keys = await parts.store.run(parts.outbox.self_test, rules, f"{parts.settings.base_url}/staff/")
        await guard.note(call, "notifications.tested", None, {"ways": len(keys)})
        return {"ways": len(keys)}

    @guard.on("POST", "/api/notifications/<notification_id>/retry", "notifications")
    async def retry(call: Call, notification_id: str) -> dict[str, Any]:
        again = await parts.store.run(parts.outbox.retry, notification_id)
        await guard.note(call, "notifications.retried", None, {"notification": notification_id})
        return {"notification": notification_row(again)}


def _add_records(guard: Guard) -> None:
    parts = guard.parts

    @guard.on("GET", "/api/records", "records")
    async def records(call: Call) -> dict[str, Any]:
        found = await parts.store.read(
            parts.desk.handoffs, call.asked("state") or "all", search=call.asked("search")[:200], limit=PAGE * 5
        )
        rows = [handoff_row(one) for one in found if one.reason in ("symptom", "condition") or one.urgency != "routine"]
        return {"rows": sorted(rows, key=lambda row: str(row["opened_at"]), reverse=True)[:PAGE]}


def _add_overview(guard: Guard) -> None:
    @guard.on("GET", "/api/overview", "overview")
    async def figures(call: Call) -> dict[str, Any]:
        found = await _overview(guard, call)
        tables = {
            name: {"title": table.title, "columns": table.columns, "rows": table.rows} for name, table in found.tables.items()
        }
        return {
            "first": found.first.isoformat(),
            "last": found.last.isoformat(),
            "zone": found.zone,
            "totals": found.totals,
            "share_answered": found.share_answered,
            "formula": FORMULA,
            "helpful": found.helpful,
            "unhelpful": found.unhelpful,
            "tables": tables,
        }

    @guard.on("GET", "/api/overview/<name>", "overview")
    async def download(call: Call, name: str) -> HTTPResponse:
        found = await _overview(guard, call)
        table = found.tables.get(name.removesuffix(".csv"))
        if table is None:
            raise NotFound("there is no such table")
        file = f'attachment; filename="{name.removesuffix(".csv")}-{found.first}-{found.last}.csv"'
        return text(table.csv(), headers={**HEADERS, "content-disposition": file}, content_type="text/csv; charset=utf-8")


def _add_logs(guard: Guard) -> None:
    store = guard.parts.store

    @guard.on("GET", "/api/audit", "logs")
    async def log(call: Call) -> dict[str, Any]:
        before = int(call.asked("before", "0")) if call.asked("before", "0").isdigit() else 0
        found = await store.read(audit.entries, store, before or None, PAGE)
        rows = [
            {
                "seq": entry.seq,
                "at": entry.at.isoformat(timespec="seconds"),
                "member": entry.member,
                "what": entry.what,
                "before": entry.before,
                "after": entry.after,
            }
            for entry in found
        ]
        return {"rows": rows}

    @guard.on("GET", "/api/audit/verify", "logs")
    async def verify(call: Call) -> dict[str, Any]:
        verdict = await store.read(audit.verify, store)
        return {
            "whole": verdict.whole,
            "rows": verdict.head.seq,
            "head": verdict.head.hash,
            "broken_at": verdict.broken_at,
        }

    @guard.on("GET", "/api/access", "logs")
    async def access(call: Call) -> dict[str, Any]:
        found = await store.read(accesses, store, call.asked("visitor"), call.asked("member"), PAGE * 2)
        rows = [{**vars(one), "at": one.at.isoformat(timespec="seconds")} for one in found]
        return {"rows": rows}


def _add_people(guard: Guard) -> None:
    parts = guard.parts

    @guard.on("GET", "/api/people", "staff")
    async def people(call: Call) -> dict[str, Any]:
        members = await parts.store.read(parts.staff.members)
        return {"people": [member_row(member) for member in members], "roles": ROLES}

    @guard.on("POST", "/api/people", "staff")
    async def invite(call: Call) -> dict[str, Any]:
        given = (call.text("email"), call.text("name", longest=80), call.text("role"))
        member, token = await parts.store.run(parts.staff.add, *given, by=call.by)
        return {"person": member_row(member), "link": link_of(parts.settings.base_url, token)}

    @guard.on("POST", "/api/people/<member>/link", "staff")
    async def link(call: Call, member: str) -> dict[str, Any]:
        drop = bool(call.body.get("drop_code"))
        token = await parts.store.run(lambda: parts.staff.invite(member, call.by, drop_code=drop))
        return {"link": link_of(parts.settings.base_url, token)}

    @guard.on("PUT", "/api/people/<member>", "staff")
    async def change(call: Call, member: str) -> dict[str, Any]:
        name, role = (call.text(part) if part in call.body else None for part in ("name", "role"))
        changed = await parts.store.run(lambda: parts.staff.change(member, call.by, name=name, role=role))
        parts.bell.ring(f"staff:{member}")
        return {"person": member_row(changed)}

    @guard.on("POST", "/api/people/<member>/switch", "staff")
    async def switch(call: Call, member: str) -> dict[str, Any]:
        changed = await parts.store.run(lambda: parts.staff.switch(member, call.by, on=bool(call.body.get("on"))))
        parts.bell.ring(f"staff:{member}")
        return {"person": member_row(changed)}

    @guard.on("POST", "/api/people/<member>/sign-out", "staff")
    async def sign_out(call: Call, member: str) -> dict[str, Any]:
        ended = await parts.store.run(parts.staff.end_sessions, member, call.by)
        parts.bell.ring(f"staff:{member}")
        return {"ended": ended}


def _add_account(guard: Guard) -> None:
    parts = guard.parts

    @guard.on("GET", "/api/me", "account")
    async def me(call: Call) -> dict[str, Any]:
        members = await parts.store.read(parts.staff.members)
        clinic = parts.answers.clinic()
        return {
            "member": member_row(call.member),
            "permissions": permissions_of(call.member.role),
            "members": [{"id": one.id, "name": one.name, "on": one.disabled_at is None and one.joined} for one in members],
            "clinic": {"name": clinic.name, "sample": clinic.sample, "emergency": clinic.numbers.get("emergency", "")},
            "sites": [{"slug": site.slug, "title": site.title, "phone": site.phone} for site in clinic.sites],
        }

    @guard.on("GET", "/api/account/sessions", "account")
    async def sessions(call: Call) -> dict[str, Any]:
        found = await parts.store.read(parts.staff.sessions, call.by)
        return {"sessions": [_session_row(session, call) for session in found]}

    @guard.on("POST", "/api/account/sessions/end", "account")
    async def end(call: Call) -> dict[str, Any]:
        ended = await parts.store.run(lambda: parts.staff.end_sessions(call.by, call.by, but=call.session.id))
        parts.bell.ring(f"staff:{call.by}")
        return {"ended": ended}

    @guard.on("POST", "/api/account/password", "account")
    async def password(call: Call) -> dict[str, Any]:
        given = (call.text("current", longest=200), call.text("new", longest=200))
        # Hashing takes a tenth of a second on purpose: not on the thread that writes.
        await asyncio.to_thread(parts.staff.change_password, call.by, *given, call.session.id)
        parts.bell.ring(f"staff:{call.by}")
        return {}


def _add_code(guard: Guard) -> None:
    parts = guard.parts

    @guard.on("GET", "/api/account/code", "account")
    async def begin(call: Call) -> dict[str, Any]:
        secret = new_secret()
        uri = code_uri(secret, call.member, parts.answers.clinic().name)
        square = [[bool(module) for module in row] for row in segno.make(uri, error="m").matrix]
        return {"secret": secret, "uri": uri, "square": square}

    @guard.on("PUT", "/api/account/code", "account")
    async def switch_on(call: Call) -> dict[str, Any]:
        await parts.store.run(parts.staff.set_code, call.by, call.text("secret", longest=64), call.text("code", longest=12))
        return {}

    @guard.on("DELETE", "/api/account/code", "account")
    async def switch_off(call: Call) -> dict[str, Any]:
        await asyncio.to_thread(parts.staff.drop_code, call.by, call.text("password", longest=200))
        return {}


def _add_visitors(guard: Guard) -> None:
    parts = guard.parts

    @guard.on("GET", "/api/visitors/<visitor>/export", "visitors")
    async def export(call: Call, visitor: str) -> HTTPResponse:
        from json import dumps

        kept = await parts.store.read(parts.desk.export_visitor, visitor)
        await guard.note(call, "visitor.exported", None, {"visitor": visitor})
        file = {**HEADERS, "content-disposition": 'attachment; filename="visitor.json"'}
        body = dumps(kept, ensure_ascii=False, indent=2).encode()
        return raw(body, headers=file, content_type="application/json; charset=utf-8")

    @guard.on("DELETE", "/api/visitors/<visitor>", "visitors")
    async def delete(call: Call, visitor: str) -> dict[str, Any]:
        rows = await parts.store.run(parts.desk.delete_visitor, visitor)
        # Who was deleted is not named: the log would keep what was to be forgotten.
        await guard.note(call, "visitor.deleted", None, {"rows": rows})
        return {"rows": rows}


def _test_row(test: SelfTest | None) -> dict[str, Any] | None:
    return None if test is None else {**vars(test), "at": test.at.isoformat(timespec="seconds")}


async def _overview(guard: Guard, call: Call) -> Overview:
    hours = guard.parts.answers.clinic().site(None).hours
    today = hours.local(utc_now()).date()
    first = _day(call.asked("first"), today - timedelta(days=27))
    last = _day(call.asked("last"), today)
    parts = guard.parts
    return await parts.store.read(lambda: overview(parts.store, first, last, hours.zone, parts.answers.was_open()))


def _day(given: str, default: date) -> date:
    try:
        return date.fromisoformat(given) if given else default
    except ValueError:
        raise Refused("this is not a day") from None


def _rules(guard: Guard) -> tuple[NotificationRule, ...]:
    return guard.parts.desk.rules


def _session_row(session: StaffSession, call: Call) -> dict[str, Any]:
    return {
        "device": session.device,
        "created_at": session.created_at.isoformat(timespec="seconds"),
        "seen_at": session.seen_at.isoformat(timespec="seconds"),
        "expires_at": session.expires_at.isoformat(timespec="seconds"),
        "here": session.id == call.session.id,
    }
