"""A large array in a file without a name, so that the system may take its memory back.

A search through an index looks at a hundred of a million vectors. Held by the process, the others
would take 1.5 GB from whatever else runs; in a file they are cached as far as there is room.
"""

import mmap
import os
import sys
import weakref
from pathlib import Path
from tempfile import TemporaryFile

import numpy as np
from numpy.typing import NDArray

from mcp_learning.store.duckdb.connection import make_private


def supported() -> bool:
    """Whether room in a file can be had for certain: without it, a full disk kills who writes."""
    return sys.platform == "linux"


class MappedArray:
    """(rows, dimension) float32, zero at first. The file is gone with the process, however it ends.

    Args:
        directory: Where; made if it isn't there.
        dimension: Length of a row.

    Raises:
        OSError: No file can be made there.
    """

    def __init__(self, directory: Path, dimension: int) -> None:
        make_private(directory)
        self._file = TemporaryFile(dir=directory, prefix="vectors-")  # noqa: SIM115 - ours for life
        weakref.finalize(self, self._file.close)
        self._dimension = dimension
        self._map: mmap.mmap | None = None

    def resized(self, rows: int) -> NDArray[np.float32]:
        """The array with more rows; earlier ones show the same memory.

        Raises:
            OSError: There is no room on the disk; the array stays as it is.
        """
        size = rows * self._dimension * 4
        os.posix_fallocate(self._file.fileno(), 0, size)
        self._map = mmap.mmap(self._file.fileno(), size)
        return np.frombuffer(self._map, np.float32).reshape(rows, self._dimension)

    def release(self) -> None:
        """Takes the pages out of the process; the next use finds them in the system's cache."""
        if self._map is not None:
            self._map.madvise(mmap.MADV_DONTNEED)
