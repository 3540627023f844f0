"""The front desk's parts, built once from the settings: everything that needs neither Rasa nor Sanic.

`bot/server.py` adds those two; `rasa run actions` and the command line use the parts as they are.
"""

from __future__ import annotations

import base64
import hashlib
import logging
from dataclasses import dataclass

from bot.answers import Answers, Clinic
from bot.bell import Bell
from bot.desk import Desk
from bot.notify import ChatNotifier, EmailNotifier, NotificationRule, Notifier, Outbox, WebhookNotifier
from bot.safety import SafetyList
from bot.settings import Settings
from bot.staff import Staff
from bot.store import Store

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Parts:
    """What the edges are handed."""

    settings: Settings
    store: Store
    bell: Bell
    safety: SafetyList
    answers: Answers
    outbox: Outbox
    desk: Desk
    staff: Staff
    imported: tuple[str, ...] = ()
    """What the clinic's files have just brought into the store, by key."""


def build(settings: Settings) -> Parts:
    """Open the store, bring it up to date, read the clinic's files; raises a FrontDeskError with one line that says what to do."""
    safety = SafetyList.load(settings.clinic_dir / "safety.yml")
    store = Store(settings.store_url)
    store.migrate()
    bell = Bell(settings.redis_url or None)
    answers = Answers(store, settings.clinic_dir, texts=safety.texts, on_change=lambda: bell.ring("answers"))
    brought = answers.import_files()
    for key in brought.skipped:
        logger.warning("clinic files: kept the newer edit of %s; `python -m bot clinic export` writes it to the files", key)
    outbox = Outbox(store, _notifiers(settings), bell)
    desk = Desk(
        store,
        outbox,
        bell,
        notification_rules(answers.clinic()),
        emergency_hours=settings.emergency_hours,
        claim_silence_minutes=settings.claim_silence_minutes,
        public_url=settings.base_url,
    )

    def follow(clinic: Clinic) -> None:
        # Whichever process the rules were edited in, and also by `clinic import` beside a running server.
        desk.rules = notification_rules(clinic)

    answers.on_fresh.append(follow)
    return Parts(settings, store, bell, safety, answers, outbox, desk, Staff(store), brought.imported)


def notification_rules(clinic: Clinic) -> tuple[NotificationRule, ...]:
    """Return whom the clinic wants told of what, and when."""
    told = clinic.notifications
    return tuple(NotificationRule(one.medium, one.address, tuple(one.urgencies), one.after_minutes) for one in told)


def _notifiers(settings: Settings) -> tuple[Notifier, ...]:
    """Return a notifier for each medium; e-mail needs a server to be named."""
    derived = "whsec_" + base64.b64encode(hashlib.sha256(b"webhook" + settings.signing_keys()[0].encode()).digest()).decode()
    posted: tuple[Notifier, ...] = (WebhookNotifier(settings.webhook_secret or derived), ChatNotifier())
    return (*posted, EmailNotifier(settings.smtp_url, settings.mail_from)) if settings.smtp_url else posted
