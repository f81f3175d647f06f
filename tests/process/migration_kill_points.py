"""Kills the migration of a database before and after each of its statements in turn.

python migration_kill_points.py DATABASE OUT COMMITS

Copies DATABASE to OUT/0/learning.duckdb, OUT/1/… and migrates each in a process of its own, which
kills itself just before its nth statement, until one comes to its end, or one is killed just after
COMMITS versions. Once a killed one has left other files, the next ones start from these: no process
repeats what an earlier one has committed. Prints the number of the last one.
"""

import os
import shutil
import signal
import sys
from pathlib import Path
from typing import Any

import duckdb  # noqa: F401 - so that no process has to import it again

from mcp_learning.store.duckdb import migrations, opening


class KilledCursor:
    """A cursor that ends the process before its statement number `step`."""

    def __init__(self, cursor: Any, step: int) -> None:
        self._cursor = cursor
        self._left = step

    def execute(self, *arguments: Any) -> Any:
        if self._left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        self._left -= 1
        return self._cursor.execute(*arguments)


def migrate(path: Path, step: int) -> bool:
    """Returns whether the process came to the end of the migration."""
    child = os.fork()
    if child:
        _, status = os.waitpid(child, 0)
        assert os.waitstatus_to_exitcode(status) in (0, -signal.SIGKILL), path
        return status == 0
    cursor: Any = KilledCursor(opening.open_file(path, 256), step)
    migrations.apply(cursor)
    os._exit(0)  # without a checkpoint: what was committed is in the log


def files(directory: Path) -> dict[str, bytes]:
    """The database and its log."""
    return {path.name: path.read_bytes() for path in directory.iterdir()}


def main(database: Path, out: Path, commits: int) -> None:
    start = out / "0"
    start.mkdir()
    shutil.copyfile(database, start / "learning.duckdb")
    step = first = 0
    while not migrate(out / str(step) / "learning.duckdb", step - first):
        if files(out / str(step)) != files(start):
            start, first = out / str(step), step
            commits -= 1
            if commits == 0:
                break
        step += 1
        shutil.copytree(start, out / str(step))
    sys.stdout.write(str(step))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
