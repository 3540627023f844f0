"""Visitor tokens: a signed, expiring envelope round an id that nobody can guess.

The server issues them, the visitor's page keeps them and sends them in the Authorization header, never in an address. The
first key signs and every key verifies, so that a secret can be replaced without logging anyone out.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from functools import lru_cache

from itsdangerous import BadData, URLSafeSerializer

from bot.errors import Unauthorized
from bot.store import utc_now

SALT = "frontdesk.visitor"
"""Keeps these apart from anything else that is signed with the same keys."""

LONGEST_HEADER = 1024
"""Far above a token's length; what is longer is not looked at."""


@dataclass(frozen=True)
class Token:
    """What a token says once its signature was found good."""

    visitor: str
    expires_at: datetime


class Tokens:
    """Issues and reads visitor tokens."""

    def __init__(self, keys: Sequence[str], days: float, clock: Callable[[], datetime] = utc_now) -> None:
        # itsdangerous takes the oldest key first and signs with the last.
        self._serializer = URLSafeSerializer(
            list(reversed(keys)), salt=SALT, signer_kwargs={"digest_method": hashlib.sha256, "key_derivation": "hmac"}
        )
        self._life = timedelta(days=days)
        self._clock = clock
        # A signature once found good stays good; when the token expires is asked each time.
        self._verified = lru_cache(maxsize=4096)(self._verify)

    def issue(self, visitor: str) -> tuple[str, datetime]:
        """Return a new token for a visitor, and when it expires."""
        expires_at = (self._clock() + self._life).replace(microsecond=0)
        signed = self._serializer.dumps({"v": visitor, "e": int(expires_at.timestamp())})
        return str(signed), expires_at

    def read(self, authorization: str | None) -> Token:
        """Read an Authorization header; raises Unauthorized without telling what was wrong with it."""
        scheme, _, signed = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not 0 < len(signed) <= LONGEST_HEADER:
            raise Unauthorized("no token")
        token = self._verified(signed.strip())
        if token.expires_at <= self._clock():
            raise Unauthorized("the token has expired")
        return token

    def _verify(self, signed: str) -> Token:
        try:
            said = self._serializer.loads(signed)
            return Token(str(said["v"]), datetime.fromtimestamp(int(said["e"]), timezone.utc))
        except (BadData, KeyError, TypeError, ValueError, OverflowError):
            raise Unauthorized("the token is not ours") from None
