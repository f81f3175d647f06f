"""A large array in a memory-mapped, unnamed file, whose memory the system can reclaim.

A search through the HNSW index reads a hundred vectors of a million. In the process's own memory,
the others would take 1.5 GB; in a file, the system caches them as far as there is memory to spare.
"""

import mmap
import os
import sys
import weakref
from pathlib import Path
from tempfile import TemporaryFile

import numpy as np
from numpy.typing import NDArray

from mcp_learning.store.duckdb.files import make_private


def supported() -> bool:
    """Whether the system can allocate the space of a file in advance.

    Without that, writing to a mapped file on a full disk kills the process.
    """
    return sys.platform == "linux"


class MappedArray:
    """A (rows, dimension) float32 array. Its file vanishes with the process, however that ends.

    Args:
        directory: Directory of the file; created if needed.
        dimension: Length of a row.

    Raises:
        OSError: The file can't be created.
    """

    def __init__(self, directory: Path, dimension: int) -> None:
        make_private(directory)
        self._file = TemporaryFile(dir=directory, prefix="vectors-")  # noqa: SIM115 - closed by the finalizer
        weakref.finalize(self, self._file.close)
        self._dimension = dimension
        self._map: mmap.mmap | None = None

    def resized(self, rows: int) -> NDArray[np.float32]:
        """The array with more rows, zero at first. Arrays returned earlier share its memory.

        Raises:
            OSError: The disk is full. The array stays as it is.
        """
        size = rows * self._dimension * 4
        os.posix_fallocate(self._file.fileno(), 0, size)
        self._map = mmap.mmap(self._file.fileno(), size)
        return np.frombuffer(self._map, np.float32).reshape(rows, self._dimension)

    def release(self) -> None:
        """Unmaps the pages from the process; they stay in the system's cache."""
        if self._map is not None:
            self._map.madvise(mmap.MADV_DONTNEED)
