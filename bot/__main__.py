"""`python -m bot`: everything a clinic or a developer does from the command line.

Each command says in one line what went wrong and what to do; the exit code is then 1.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import fields, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Annotated, Any, Optional

os.environ.setdefault("RASA_TELEMETRY_ENABLED", "false")
os.environ.setdefault("SQLALCHEMY_SILENCE_UBER_WARNING", "1")

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import Progress
from rich.table import Table

from bot.errors import AuditError, BackupError, FrontDeskError, SettingsError
from bot.settings import Settings, load_settings

app = typer.Typer(no_args_is_help=True, add_completion=False, help=__doc__, rich_markup_mode="rich", pretty_exceptions_enable=False)
clinic_app = typer.Typer(no_args_is_help=True, help="Check, import and export the clinic's own files.")
staff_app = typer.Typer(no_args_is_help=True, help="Accounts of the people who answer.")
audit_app = typer.Typer(no_args_is_help=True, help="The record of who changed what.")
app.add_typer(clinic_app, name="clinic")
app.add_typer(staff_app, name="staff")
app.add_typer(audit_app, name="audit")

out = Console(highlight=False)
err = Console(stderr=True, highlight=False)


def _say(line: str) -> None:
    err.print(escape(line), soft_wrap=True)  # one line stays one line, also where it is piped on


def _settings(**changes: Any) -> Settings:
    settings = replace(load_settings(), **changes)
    _quiet(settings.log_level)
    return settings


def _quiet(level: str) -> None:
    """Let our own lines through; Rasa's and SQLAlchemy's debug lines carry message text and cost time."""
    import structlog

    logging.basicConfig(level=level.upper(), format="%(asctime)s %(levelname)-7s %(message)s", stream=sys.stderr)
    for name in ("rasa", "sanic", "alembic", "apscheduler", "matplotlib", "sqlalchemy"):
        logging.getLogger(name).setLevel(logging.ERROR)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR), cache_logger_on_first_use=True)


@app.command()
def serve(
    port: Annotated[Optional[int], typer.Option(help="Port; default PORT or 8000")] = None,
    host: Annotated[Optional[str], typer.Option(help="Address; default HOST or 127.0.0.1")] = None,
    model: Annotated[Optional[Path], typer.Option(help="A trained model; default: the one for the files as they are")] = None,
) -> None:
    """Serve the website chat and the staff console.  Example: python -m bot serve --port 8000"""
    from bot.rasa_runtime import serving
    from bot.training import ensure_model

    serving.begin()
    given = {key: value for key, value in {"port": port, "host": host}.items() if value is not None}
    settings = _settings(**given)
    _check_port(settings)
    archive = model or ensure_model(settings.models_dir, _say)
    from bot.server import check_exposed, create_app

    web = create_app(settings, archive)
    for point in check_exposed(settings, web.ctx.parts.answers.clinic().sample):
        _say(f"Warning: {point}")
    _say(f"Serving on {settings.base_url} (chat at /chat, staff at /staff). Stop with Ctrl+C.")
    from bot.staff import first_account_hint

    # Another command knows the environment, not what this one was told.
    elsewhere = settings.base_url != load_settings().base_url
    hint = first_account_hint(web.ctx.parts.store, settings.base_url if elsewhere else "")
    if hint:
        _say(hint)
    serving.settle()
    web.run(host=settings.host, port=settings.port, debug=False, access_log=False, motd=False)


def _check_port(settings: Settings) -> None:
    import socket

    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
        except OSError as error:
            raise SettingsError(
                f"cannot listen on {settings.host}:{settings.port}: {error.strerror}. Choose another with --port or PORT."
            ) from error


@app.command()
def train(force: Annotated[bool, typer.Option(help="Train although nothing has changed")] = False) -> None:
    """Train the model for the files as they are.  Example: python -m bot train"""
    from bot.training import ensure_model

    start = time.monotonic()
    archive = ensure_model(_settings().models_dir, _say, force)
    _say(f"{archive.name} is ready ({time.monotonic() - start:.0f} s).")


@app.command()
def chat(model: Annotated[Optional[Path], typer.Option(help="A trained model")] = None) -> None:
    """Talk to the assistant here in the terminal, through the same door as a visitor.  Example: python -m bot chat"""
    from bot.parts import build
    from bot.training import ensure_model

    settings = _settings(log_level="ERROR")
    archive = model or ensure_model(settings.models_dir, _say)
    from bot.server import build_frontdesk

    parts = build(settings)
    frontdesk = build_frontdesk(parts, archive)
    _say("Type a message; an empty line leaves.")
    asyncio.run(_chat(parts, frontdesk))


async def _chat(parts: Any, frontdesk: Any) -> None:
    from bot.frontdesk import Incoming
    from bot.store import new_id

    visitor = (await parts.store.run(parts.desk.create_visitor, "terminal")).id
    buttons: list[dict[str, Any]] = []
    while True:
        try:
            text = (await asyncio.to_thread(input, "> ")).strip()
        except (EOFError, KeyboardInterrupt):
            return
        if not text:
            return
        chosen = buttons[int(text) - 1] if text.isdigit() and 0 < int(text) <= len(buttons) else {}
        payload: dict[str, Any] = {key: value for key, value in chosen.items() if key in ("intent", "site")}
        try:
            replies = await frontdesk.converse(Incoming(visitor, new_id("m"), chosen.get("title", text), payload))
        except FrontDeskError as error:
            out.print(escape(error.advice or error.for_visitor))
            continue
        for reply in replies:
            out.print(escape(reply.text))
        buttons = [button for reply in replies for button in reply.payload.get("buttons", ())]
        for number, button in enumerate(buttons, 1):
            out.print(f"  [dim]{number}[/dim] {escape(button['title'])}")


@app.command(name="try")
def try_(
    text: Annotated[str, typer.Argument(help="What a visitor would write")],
) -> None:
    """Show how a sentence is understood: red flags, intent, confidence, answer.  Example: python -m bot try "are you open on sunday?" """
    with _evaluating() as (frontdesk, parts):
        found = parts.safety.assess(text)
        table = Table(show_header=False)
        table.add_row("red flags", f"{found.level.name.lower()} {found.kind}")
        for match in found.matches:
            table.add_row("", escape(f"{match.rule} {match.name}: {match.words!r} by {match.pattern!r} ({match.approved_by})"))
        from bot.evaluation import Case, _predict_one

        case = Case("try", text, "", "answer")
        visitor = parts.desk.create_visitor("try").id
        said = asyncio.run(_predict_one(case, visitor, frontdesk, parts.desk, parts.store))
        table.add_row("route", said.route)
        table.add_row("topic", f"{said.topic} ({said.confidence:.2f})")
        for message in parts.desk.messages(visitor):
            if message.author == "bot":
                table.add_row("reply", escape(message.text))
        out.print(table)


@contextlib.contextmanager
def _evaluating() -> Iterator[tuple[Any, Any]]:
    """Give a front desk on a database of its own, so that trying something out leaves no trace."""
    from bot.parts import build
    from bot.training import ensure_model

    settings = _settings(log_level="ERROR")
    archive = ensure_model(settings.models_dir, _say)
    from bot.server import build_frontdesk

    with tempfile.TemporaryDirectory() as folder:
        own = replace(
            settings,
            database_url=f"sqlite:///{folder}/evaluation.db",
            secret_keys=("evaluation",),
            messages_per_minute=10**6,
            address_messages_per_minute=10**6,
            rasa_timeout_seconds=60.0,
        )
        parts = build(own)
        try:
            yield build_frontdesk(parts, archive), parts
        finally:
            parts.store.close()


@app.command()
def evaluate(
    file: Annotated[Path, typer.Argument(help="JSONL: id, text, topic, route, alt_topics, alt_routes; or id, turns")],
    as_json: Annotated[bool, typer.Option("--json", help="Print the figures as JSON")] = False,
    predictions: Annotated[Optional[Path], typer.Option(help="Write what each row got to this JSONL file")] = None,
    report: Annotated[Optional[Path], typer.Option(help="Write an HTML report into this folder")] = None,
) -> None:
    """Measure how well messages are understood.  Example: python -m bot evaluate tests/heldout/faq.jsonl --report /tmp/report"""
    from bot.evaluation import predict, read_cases, score
    from bot.report import write_report

    if not file.is_file():
        raise SettingsError(f"{file}: no such file")
    cases = read_cases(file)
    with _evaluating() as (frontdesk, parts), Progress(console=err, transient=True) as progress:
        bar = progress.add_task("messages", total=len(cases))
        found = asyncio.run(predict(cases, frontdesk, parts.desk, parts.store, lambda: progress.advance(bar)))
    figures = score(found)
    if predictions:
        predictions.write_text("".join(json.dumps(one.as_row(), ensure_ascii=False) + "\n" for one in found), encoding="utf-8")
    if report:
        _say(f"Report: {write_report(found, figures, report)}")
    if as_json:
        print(json.dumps(figures.as_data()))
    else:
        table = Table("figure", "value")
        for key, value in figures.as_data().items():
            if not isinstance(value, dict):
                table.add_row(key, "-" if value is None else str(value))
        out.print(table)


@app.command()
def handoffs(
    watch: Annotated[bool, typer.Option(help="Keep watching, with a bell for new ones")] = False,
    acknowledge: Annotated[Optional[str], typer.Option(help="Say that you have seen this handoff")] = None,
    close: Annotated[Optional[str], typer.Option(help="Close this handoff")] = None,
    outcome: Annotated[str, typer.Option(help="What came of it, with --close")] = "done",
    member: Annotated[str, typer.Option(help="Your name, for the record")] = os.environ.get("USER", "front desk"),
) -> None:
    """List, watch, acknowledge and close handoffs.  Example: python -m bot handoffs --watch"""
    from bot.parts import build

    parts = build(_settings())
    if acknowledge:
        _say(f"{parts.desk.acknowledge(acknowledge, member).id} is acknowledged.")
    if close:
        _say(f"{parts.desk.close(close, member, outcome).id} is closed.")
    known: set[str] = set()
    while True:
        open_ = parts.desk.handoffs(state=("waiting", "claimed", "snoozed"))
        fresh = {one.id for one in open_ if one.acknowledged_at is None} - known
        if fresh or not watch:
            out.print(_handoff_table(open_))
            if watch and fresh:
                print("\a", end="", flush=True)
        known |= {one.id for one in open_}
        if not watch:
            return
        with contextlib.suppress(KeyboardInterrupt):
            time.sleep(2)
            continue
        return


def _handoff_table(open_: Any) -> Table:
    table = Table("handoff", "urgency", "state", "waiting", "what", title=f"{len(open_)} open")
    now = datetime.now(timezone.utc)
    for one in open_:
        minutes = int((now - (one.waiting_since or one.opened_at)).total_seconds() // 60)
        what = ", ".join(part for part in (one.reason, one.symptom, one.region, one.since) if part)
        seen = "" if one.acknowledged_at is None else " (seen)"
        table.add_row(one.id, one.urgency, one.state + seen, f"{minutes} min", escape(f"{what}: {one.visitor_text[:120]}"))
    return table


@clinic_app.command("check")
def clinic_check() -> None:
    """Find what is missing or wrong in the clinic's files.  Example: python -m bot clinic check"""
    from bot.answers import check
    from bot.safety import SafetyList

    settings = _settings()
    problems = check(settings.clinic_dir)
    SafetyList.load(settings.clinic_dir / "safety.yml")
    for one in problems:
        out.print(escape(f"{one.file}:{one.line}: {one.expected}"), soft_wrap=True)
    wrong = [one for one in problems if settings.exposed or not one.local]
    if wrong:
        raise SettingsError(f"{len(wrong)} problems in {settings.clinic_dir}: mend them and run `python -m bot clinic check` again")
    _say("The clinic's files are complete" + (", for this machine only: see above." if problems else "."))


@clinic_app.command("import")
def clinic_import(force: Annotated[bool, typer.Option(help="Overwrite newer edits made in the console")] = False) -> None:
    """Bring changed files into the store.  Example: python -m bot clinic import"""
    from bot.parts import build

    parts = build(_settings())
    result = parts.answers.import_files(force=force)
    imported = dict.fromkeys((*parts.imported, *result.imported))  # building has imported what is not contested
    if imported:
        _say(f"{len(imported)} {'entry' if len(imported) == 1 else 'entries'} imported: {_some(tuple(imported))}.")
    elif not result.skipped:
        _say("Nothing is new in clinic.yml and answers.yml.")
    for key in result.skipped:
        _say(f"kept the newer edit of {key}; use --force to overwrite it, or `clinic export` to write it to the files")


def _some(keys: tuple[str, ...], most: int = 5) -> str:
    return ", ".join(keys[:most]) + (f" and {len(keys) - most} more" if len(keys) > most else "")


@clinic_app.command("export")
def clinic_export(folder: Annotated[Optional[Path], typer.Argument(help="Folder; default: the clinic's own")] = None) -> None:
    """Write what is in the store back to files.  Example: python -m bot clinic export clinic/"""
    from bot.parts import build

    parts = build(_settings())
    for path in parts.answers.export(folder):
        _say(f"wrote {path}")


@staff_app.command("add")
def staff_add(
    email: Annotated[str, typer.Argument(help="Address to sign in with")],
    name: Annotated[str, typer.Option(help="Name that visitors and colleagues see")],
    role: Annotated[str, typer.Option(help="front_desk, clinician or owner")] = "front_desk",
) -> None:
    """Make an account and print its invitation link.  Example: python -m bot staff add ann@example.org --name Ann --role owner"""
    from bot.parts import build
    from bot.staff import invitation_link

    parts = build(_settings())
    link = invitation_link(parts.store, parts.settings.base_url, email, name, role)
    _print_link(f"{name} sets a password here (valid for seven days): {link}", parts.settings)


@staff_app.command("list")
def staff_list() -> None:
    """List who may sign in.  Example: python -m bot staff list"""
    from bot.parts import build

    table = Table("e-mail", "name", "role", "account")
    for member in build(_settings()).staff.members():
        table.add_row(escape(member.email), escape(member.name), member.role, _account(member))
    out.print(table)


def _account(member: Any) -> str:
    """Say how an account stands, the most important thing first."""
    if member.disabled_at is not None:
        return "switched off"
    if not member.joined:
        return "invited, no password yet"
    paused = member.locked_until is not None and member.locked_until > datetime.now(timezone.utc)
    return ("pauses after wrong tries" if paused else "on") + (", with one-time code" if member.has_code else "")


@staff_app.command("reset")
def staff_reset(
    email: Annotated[str, typer.Argument(help="Whose password")],
    drop_code: Annotated[bool, typer.Option("--drop-code", help="Switch the one-time code off too: the telephone is lost")] = False,
) -> None:
    """Print a link to choose a new password.  Example: python -m bot staff reset ann@example.org"""
    from bot.parts import build
    from bot.staff import reset_link

    parts = build(_settings())
    link = reset_link(parts.store, parts.settings.base_url, email, drop_code=drop_code)
    _print_link(f"{email} chooses a new password here (valid for 24 hours): {link}", parts.settings)


@staff_app.command("sign-out")
def staff_sign_out(email: Annotated[str, typer.Argument(help="Whose sessions")]) -> None:
    """End every session of somebody, on every device.  Example: python -m bot staff sign-out ann@example.org"""
    from bot.parts import build
    from bot.staff import sign_out_everywhere

    count = sign_out_everywhere(build(_settings()).store, email)
    _say(f"{email} is signed out: {count} {'session' if count == 1 else 'sessions'} ended.")


def _print_link(line: str, settings: Settings) -> None:
    """Print a link in one piece: a terminal, or a file, of 80 columns would break it in two."""
    out.print(escape(line), soft_wrap=True)
    if not settings.public_url:
        _say(f"Does the server answer elsewhere than {settings.base_url}? Then set PORT or PUBLIC_URL for this command too.")


@audit_app.command("verify")
def audit_verify() -> None:
    """Check that no record was changed.  Example: python -m bot audit verify"""
    from bot import audit
    from bot.parts import build

    result = audit.verify(build(_settings()).store)
    if not result.whole:
        raise AuditError(f"the record was changed: row {result.broken_at} of the audit log does not fit the one before it")
    _say(f"The record is whole: {result.head.seq} rows, the last hash is {result.head.hash}.")


@app.command()
def backup(file: Annotated[Path, typer.Argument(help="The archive to write; a file that is there is never replaced")]) -> None:
    """Back up the database, clinic/ and the signing secret, while the server runs.  Example: python -m bot backup backup/monday.tar.gz"""
    from bot.backup import SECRET, back_up

    current = _settings()
    manifest = back_up(current, file)
    size = file.stat().st_size / 1e6
    _say(f"{file}: {size:.1f} MB, {manifest.rows} rows in {len(manifest.tables)} tables, {len(manifest.files)} files.")
    if SECRET not in manifest.files:
        _say("No signing secret is in it: keep SECRET_KEYS as well.")
    _say("It holds what visitors wrote about their health: encrypt it, and keep it somewhere else.")


@app.command()
def restore(
    file: Annotated[Path, typer.Argument(help="An archive made by `backup`")],
    check: Annotated[bool, typer.Option("--check", help="Only try it, in a place of its own, and compare")] = False,
    force: Annotated[bool, typer.Option("--force", help="Put a database that is not empty aside")] = False,
) -> None:
    """Restore a backup, or only check that it can be.  Example: python -m bot restore backup/monday.tar.gz --check"""
    from bot import backup

    current = _settings()
    if check:
        _show_check(backup.check(current, file))
        return
    done = backup.restore(current, file, force=force)
    _say(f"Restored as of {done.manifest.made_at}: {done.manifest.rows} rows in {len(done.manifest.tables)} tables.")
    for kept in done.kept:
        _say(f"What was there before is kept: {kept}")
    if backup.SECRET not in done.manifest.files and not current.secret_keys:
        _say("No signing secret is in it: set SECRET_KEYS as it was, or visitors begin anew and staff sign in again.")
    _say("Start the server; it brings the tables up to date by itself.")


def _show_check(found: Any) -> None:
    """Print what came back beside what was said; an error where they differ."""
    table = Table("table", "in the manifest", "restored", "")
    for row in found.rows:
        table.add_row(row.table, str(row.said), str(row.found), "" if row.said == row.found else "DIFFERENT")
    out.print(table)
    verdict = found.verdict
    out.print(
        f"audit log: {'whole' if verdict.whole else f'does not fit from row {verdict.broken_at} on'}, {verdict.head.seq} rows"
    )
    if not found.whole:
        raise BackupError(
            f"the backup is not whole: {len(found.different)} tables differ, audit log {'whole' if verdict.whole else 'broken'}"
        )
    _say(f"The backup of {found.manifest.made_at} can be restored: {found.manifest.rows} rows, {len(found.manifest.files)} files.")


@app.command()
def settings() -> None:
    """Print every setting with its value; secrets are masked.  Example: python -m bot settings"""
    current = _settings()
    table = Table("setting", "value", "what it does")
    for one in fields(Settings):
        value = getattr(current, one.name)
        shown = "***" if one.metadata["secret"] and value else str(value)
        table.add_row(one.name.upper(), escape(shown), escape(one.metadata["help"]))
    out.print(table)


@app.command()
def export(visitor: Annotated[str, typer.Argument(help="The visitor's id")]) -> None:
    """Print everything that is kept of one visitor, as JSON.  Example: python -m bot export v_0123"""
    from bot.parts import build

    print(json.dumps(build(_settings()).desk.export_visitor(visitor), indent=2, default=str))


@app.command()
def forget(visitor: Annotated[str, typer.Argument(help="The visitor's id")]) -> None:
    """Delete everything that is kept of one visitor.  Example: python -m bot forget v_0123"""
    from bot.parts import build

    _say(f"{build(_settings()).desk.delete_visitor(visitor)} rows deleted.")


def main(run: Callable[[], Any] = app) -> None:
    """Run a command; what goes wrong is said in one line."""
    try:
        run()
    except FrontDeskError as error:
        err.print(f"[red]frontdesk:[/red] {escape(str(error))}", soft_wrap=True)
        raise SystemExit(1) from None


if __name__ == "__main__":
    main()
