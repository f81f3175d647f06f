"""Returns memory to the system that was needed only at the start.

glibc gives each allocating thread an arena of its own, and keeps most of the memory freed in it.
Loading the model and reading the rows need much memory for a moment: at 10,000 rows, 45 of 370 MB
stayed allocated but unused. Does nothing with other C libraries, which lack these functions.
"""

import ctypes
import sys
from contextlib import suppress

_M_ARENA_MAX = -8  # malloc.h


def share_arena() -> None:
    """Makes threads that allocate from now on share the existing arenas."""
    if sys.platform == "linux":
        with suppress(AttributeError, OSError):
            ctypes.CDLL(None).mallopt(_M_ARENA_MAX, 1)


def release_free_memory() -> None:
    """Returns freed memory to the system; takes milliseconds."""
    if sys.platform == "linux":
        with suppress(AttributeError, OSError):
            ctypes.CDLL(None).malloc_trim(0)
