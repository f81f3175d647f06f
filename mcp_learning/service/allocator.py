"""Gives memory back that was needed only while starting.

glibc gives each thread that allocates an arena of its own, and keeps most of what is freed in it.
Loading the model and reading the rows take much for a moment: at 10,000 rows that left 45 MB of 370
with the process, unused. Other C libraries have neither function; there nothing happens.
"""

import ctypes
import sys
from contextlib import suppress

_M_ARENA_MAX = -8  # malloc.h


def share_arena() -> None:
    """Has threads that allocate from now on share what arenas there are."""
    if sys.platform == "linux":
        with suppress(AttributeError, OSError):
            ctypes.CDLL(None).mallopt(_M_ARENA_MAX, 1)


def release_free_memory() -> None:
    """Returns freed memory to the system; takes milliseconds."""
    if sys.platform == "linux":
        with suppress(AttributeError, OSError):
            ctypes.CDLL(None).malloc_trim(0)
