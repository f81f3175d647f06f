"""The parent's side of building an HNSW index: writes the input files and runs the child."""

import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mcp_learning.errors import IndexUnavailable
from mcp_learning.search.hnsw import IndexInfo, remove

DISK_FULL_STATUS = 28
"""Exit status of a build process that found the disk full."""


class BuildProcess:
    """The build of an index by a child process. All methods block.

    Call `add` with the vectors, then `run`; then rename the file at `path`, or call `discard`.
    `cancel` may be called from any thread at any time and makes `run` end at once.

    Args:
        directory: Directory of derived files; created if needed.

    Attributes:
        path: The new index.
        rows: Number of vectors added.
        watermark: The highest of their versions.
    """

    def __init__(self, directory: Path) -> None:
        self.path = directory / "building.duckdb"
        self.rows = self.watermark = 0
        self._child: subprocess.Popen[str] | None = None
        self._cancelled = False
        self._lock = threading.Lock()

    def add(
        self,
        numbers: NDArray[np.int64],
        versions: NDArray[np.int64],
        vectors: NDArray[np.float32],
        passages: NDArray[np.int64] | None = None,
    ) -> None:
        """Appends vectors to the files that the child reads; called for each batch.

        Args:
            numbers: Ignored, like `passages`; `Store.vectors` passes them.
            versions: (n,) versions of the vectors.
            vectors: (n, dimension) float32.
            passages: Ignored.

        Raises:
            IndexUnavailable: The disk is full.
        """
        try:
            if not self.rows:
                self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                self.discard()
            with versions_of(self.path).open("ab") as file:
                versions.tofile(file)
            with vectors_of(self.path).open("ab") as file:
                vectors.tofile(file)
        except OSError as error:
            raise _not_written(self.path, error.strerror or "no room left") from error
        self.rows += len(versions)
        self.watermark = max(self.watermark, int(versions.max()))

    def run(self, info: IndexInfo) -> IndexInfo:
        """Builds the graph and completes the file; returns `info` with the measured recall.

        Raises:
            IndexUnavailable: The build failed, was cancelled, or the disk is full.
        """
        command = [sys.executable, "-P", "-m", "mcp_learning.search.hnsw_build", str(self.path)]
        with self._lock:
            if self._cancelled:
                raise IndexUnavailable("the build was cancelled")
            self._child = subprocess.Popen(
                [*command, info.to_json()], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
            )
        with self._child as child:
            assert child.stdout is not None
            answer = child.stdout.read()
            status = child.wait()
        if status == DISK_FULL_STATUS:
            raise _not_written(self.path, "no room left")
        if status != 0:
            reason = "was cancelled" if self._cancelled else "failed; the log has the details"
            raise IndexUnavailable(f"building the HNSW index {reason}")
        return IndexInfo.from_json(answer)

    def cancel(self) -> None:
        """Ends the child process, if any; returns when it is gone."""
        with self._lock:
            self._cancelled = True
            if self._child is not None:
                self._child.kill()
                self._child.wait()

    def discard(self) -> None:
        """Deletes the files of the build."""
        remove(self.path)
        for file in (versions_of(self.path), vectors_of(self.path)):
            file.unlink(missing_ok=True)


def _not_written(path: Path, reason: str) -> IndexUnavailable:
    return IndexUnavailable(
        f"the index can't be written to {path.parent} ({reason}): free some space and try again; "
        "searches go on"
    )


def versions_of(building: Path) -> Path:
    """Where a build keeps the versions that it indexes: (rows,) int64, raw."""
    return building.with_suffix(".versions")


def vectors_of(building: Path) -> Path:
    """Where a build keeps the vectors that it indexes: (rows, dimension) float32, raw."""
    return building.with_suffix(".vectors")
