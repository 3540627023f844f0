"""Limits: how much one visitor, and one network address, may send in a time.

The address's limit is generous, because a whole clinic, school or phone company can stand behind one address; the
visitor's own limit is what stops a stuck key or a script. Counted in this process, or in Redis where several serve.
"""

from __future__ import annotations

import ipaddress
import logging
import math
import time
from typing import Any

from limits import RateLimitItem, RateLimitItemPerHour, RateLimitItemPerMinute
from limits.storage import storage_from_string
from limits.strategies import FixedWindowRateLimiter

from bot.errors import TooMany
from bot.settings import Settings

logger = logging.getLogger(__name__)


class MessageLimits:
    """Counts messages per visitor and per address, and new conversations per address."""

    def __init__(self, settings: Settings) -> None:
        # Fixed windows: one counter a visitor; the library's moving window keeps and sweeps one lock for each message.
        options = {"socket_timeout": 1, "socket_connect_timeout": 1} if settings.redis_url else {}
        # The library's memory storage starts a thread at each count; in one process a dictionary does.
        # Kept here: the limiter holds its storage by a weak reference only.
        self._storage: Any = storage_from_string(settings.redis_url, **options) if settings.redis_url else None
        self._limiter: Any = FixedWindowRateLimiter(self._storage) if self._storage else Windows()
        self._visitor = RateLimitItemPerMinute(settings.messages_per_minute, namespace="visitor")
        self._address = RateLimitItemPerMinute(settings.address_messages_per_minute, namespace="address")
        self._visitors = RateLimitItemPerHour(settings.visitors_per_hour, namespace="visitors")

    def check(self, visitor: str, address: str) -> None:
        """Count one message; raises TooMany where the visitor or the address has sent too many."""
        self._count(self._visitor, visitor, "messages of one visitor")
        if address:
            self._count(self._address, network(address), "messages of one address")

    def check_new(self, address: str) -> None:
        """Count one new conversation; raises TooMany where the address has begun too many."""
        if address:
            self._count(self._visitors, network(address), "conversations of one address")

    def _count(self, item: RateLimitItem, key: str, what: str) -> None:
        if not item.amount or self._hit(item, key):
            return
        ends, _ = self._limiter.get_window_stats(item, key)
        raise TooMany(f"too many {what}", max(1, math.ceil(ends - time.time())))

    def _hit(self, item: RateLimitItem, key: str) -> bool:
        try:
            return bool(self._limiter.hit(item, key))
        except Exception as error:  # whatever Redis or its client raises
            # A limit that cannot be counted does not keep a visitor from writing.
            logger.warning("limits are not counted: %s", type(error).__name__)
            return True


class Windows:
    """Fixed windows in this process, with the two calls of the library's limiter that are used here."""

    def __init__(self) -> None:
        self._counts: dict[tuple[str, str], tuple[int, float]] = {}
        self._swept_at = 0.0

    def hit(self, item: RateLimitItem, key: str) -> bool:
        """Count one; False where the window is full."""
        now = time.time()
        if now > self._swept_at + 60:
            self._counts = {one: kept for one, kept in self._counts.items() if kept[1] > now}
            self._swept_at = now
        name = (item.namespace, key)
        count, ends = self._counts.get(name, (0, 0.0))
        if now >= ends:
            count, ends = 0, now + item.get_expiry()
        self._counts[name] = (count + 1, ends)
        return count < int(item.amount)

    def get_window_stats(self, item: RateLimitItem, key: str) -> tuple[float, int]:
        """Return when the window ends, and how many are left."""
        count, ends = self._counts.get((item.namespace, key), (0, time.time()))
        return ends, max(0, int(item.amount) - count)


def network(address: str) -> str:
    """Return what counts as one address: an IPv6 household or office holds a whole /64."""
    try:
        parsed = ipaddress.ip_address(address.split("%")[0])
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv6Address):
        mapped = parsed.ipv4_mapped
        return str(mapped) if mapped else str(ipaddress.ip_network((parsed, 64), strict=False))
    return str(parsed)
