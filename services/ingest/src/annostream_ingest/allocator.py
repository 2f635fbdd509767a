"""The C allocator of a process that handles large buffers for days: what is freed goes back at once."""

from __future__ import annotations

import ctypes
import sys

_M_MMAP_THRESHOLD = -3
_M_ARENA_MAX = -8
_LARGE_BYTES = 256 << 10
_ARENAS = 2


def give_back_early() -> None:
    """Few arenas, and large buffers in pages of their own: else glibc keeps what was the peak of each thread.

    Without effect where the C library is another than glibc.
    """
    if sys.platform != "linux":
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_ARENA_MAX, _ARENAS)
        mallopt(_M_MMAP_THRESHOLD, _LARGE_BYTES)
