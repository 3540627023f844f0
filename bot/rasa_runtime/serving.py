"""A process that serves for weeks on a small machine: what makes it lean, all of it about Python and its libraries, none about visitors."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import os
import sys
from collections.abc import Iterator

_M_ARENA_MAX = -8
"""`mallopt` of glibc: how many memory pools threads may open."""

_ARENAS = 2


def begin() -> None:
    """Call before numpy is imported: one thread a sum, since waiting threads burn a core, and few memory pools."""
    for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(name, "1")
    with _glibc() as libc:
        libc.mallopt(_M_ARENA_MAX, _ARENAS)


def settle() -> None:
    """Call once all is loaded: the garbage collector need not walk through models and libraries again and again."""
    gc.collect()
    gc.freeze()
    with _glibc() as libc:
        libc.malloc_trim(0)  # what loading needed for a moment: some 50 MB of the encoder alone
    gc.set_threshold(20_000, 20, 20)
    # The store's threads wait for the event loop to let go of Python's lock: two milliseconds instead of five.
    sys.setswitchinterval(0.002)


@contextlib.contextmanager
def _glibc() -> Iterator[ctypes.CDLL]:
    """Give the C library where it is glibc; elsewhere its allocator is left as it is."""
    with contextlib.suppress(OSError, AttributeError):
        yield ctypes.CDLL("libc.so.6")
