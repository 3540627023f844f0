"""How tests wait: for a condition, with patience. Only a test that fails takes long; how fast things are is measured in bench/."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

PATIENCE_SECONDS = 60.0
"""On a machine that does ten other things a browser's click may take seconds."""


def until(met: Callable[[], T], *, every: float = 0.05, said: Callable[[], object] | None = None) -> T:
    """Wait until something is true and return it; `said` is shown when it never is."""
    give_up = time.monotonic() + PATIENCE_SECONDS
    while not (found := met()):
        assert time.monotonic() < give_up, said() if said else "it never came true"
        time.sleep(every)
    return found


async def until_then(met: Callable[[], T], *, every: float = 0.01) -> T:
    """Wait like `until` while the event loop goes on."""
    give_up = time.monotonic() + PATIENCE_SECONDS
    while not (found := met()):
        assert time.monotonic() < give_up, "it never came true"
        await asyncio.sleep(every)
    return found
