"""Everything that can go wrong, as one tree.

FrontDeskError
├── ContentError          a file in clinic/ says something that cannot be served
├── SettingsError         an environment variable cannot be used
├── ModelError            the trained model is missing or cannot be loaded
├── StoreUnavailable      the database cannot be read or written
├── AuditError            the audit log was changed by somebody
├── BackupError           a backup cannot be made, read or restored
├── NotFound              no such visitor, handoff, message
├── Unauthorized          nobody is signed in, or the token is not ours
├── Forbidden             signed in, but not allowed
├── Conflict              somebody else was first
│   ├── AlreadyClaimed    a colleague has taken the conversation
│   └── Locked            the record was closed and can no longer change
└── Refused               the message itself cannot be taken
    ├── TooLong
    └── TooMany

`status` is the HTTP status at the edges, `type` the stable name in problem documents, `for_visitor` a sentence that is
safe to show. The exception's own text is for staff and logs: it never carries what a visitor wrote.
"""

from __future__ import annotations


class FrontDeskError(Exception):
    """The base of every error of ours."""

    status = 500
    type = "internal"
    for_visitor = "Something went wrong on our side. Please call us instead."
    advice: str | None = None
    """The emergency text for the visitor, where the refused message was an emergency (set at the door)."""


class ContentError(FrontDeskError):
    """A clinic file is wrong: the text says file, line and what is expected."""

    type = "content"


class SettingsError(FrontDeskError):
    """A setting cannot be used: the text says which, why, and what would work."""

    type = "settings"


class ModelError(FrontDeskError):
    """The trained model is missing or unreadable."""

    status = 503
    type = "model"


class StoreUnavailable(FrontDeskError):
    """The database cannot be read or written now."""

    status = 503
    type = "store-unavailable"
    for_visitor = "I could not keep your message. Please call us instead."


class AuditError(FrontDeskError):
    """The chain of the audit log is broken: the text names the first row that does not fit."""

    type = "audit"


class BackupError(FrontDeskError):
    """A backup cannot be made, read or restored: the text says why, and what was left as it was."""

    type = "backup"


class NotFound(FrontDeskError):
    """There is no such thing."""

    status = 404
    type = "not-found"
    for_visitor = "This conversation is not here any more."


class Unauthorized(FrontDeskError):
    """Nobody is signed in, or the token is not ours, or it has expired."""

    status = 401
    type = "unauthorized"
    for_visitor = "This conversation has expired. Please start again."


class Forbidden(FrontDeskError):
    """The signed-in person may not do this."""

    status = 403
    type = "forbidden"
    for_visitor = "That is not allowed."


class Conflict(FrontDeskError):
    """Somebody else was first."""

    status = 409
    type = "conflict"
    for_visitor = "That was already done."


class AlreadyClaimed(Conflict):
    """A colleague has taken the conversation."""

    type = "already-claimed"

    def __init__(self, member: str) -> None:
        super().__init__(f"already claimed by {member}")
        self.member = member


class Locked(Conflict):
    """The record was closed and can no longer change."""

    type = "locked"


class Refused(FrontDeskError):
    """The message cannot be taken as it is."""

    status = 422
    type = "refused"
    for_visitor = "I could not take this message."


class TooLong(Refused):
    """The message is longer than we take."""

    status = 413
    type = "too-long"
    for_visitor = "This message is too long for me. Please send it in shorter parts."


class TooMany(Refused):
    """More messages in a short time than we take."""

    status = 429
    type = "too-many"
    for_visitor = "That was a lot of messages at once. Please wait a moment."

    def __init__(self, text: str, retry_after_seconds: int = 10) -> None:
        super().__init__(text)
        self.retry_after_seconds = retry_after_seconds
