"""Kills an operation at each of its steps in turn: at every change of a name, and every file made.

python kill_points.py OPERATION BASE OUT

Copies the directory BASE to OUT/0, OUT/1, … and runs the operation on each in a process of its own,
which kills itself just before its nth step below that directory, until one comes to its end. Prints
how many were killed. The modules are imported once, since the processes are forked.
"""

import asyncio  # noqa: F401 - so that no process has to import it again
import os
import shutil
import signal
import sys
import traceback
from collections.abc import Callable
from functools import partial
from pathlib import Path

import anyio
import duckdb  # noqa: F401 - likewise
import numpy as np  # noqa: F401

from mcp_learning.cli.upgrade_steps import upgrade_file
from mcp_learning.models.maintenance import Backup, Prune
from mcp_learning.service import recovery
from mcp_learning.service.learning import LearningService
from mcp_learning.settings import Settings
from mcp_learning.store import open_store

STEPS = {"os.rename", "os.link", "os.remove", "os.mkdir", "os.truncate", "open"}
STEPS |= {"shutil.rmtree", "shutil.copyfile"}


def restore(settings: Settings) -> None:
    recovery.restore(settings, settings.data_dir / "copy.duckdb", force=True)


def recover(settings: Settings) -> None:
    recovery.recover(settings, dry_run=False)


def backup(settings: Settings) -> None:
    request = Backup(path=str(settings.data_dir / "copy.duckdb"))
    _serve(settings, lambda service: service.backup(request))


def prune(settings: Settings) -> None:
    request = Prune(older_than_days=7, archive=str(settings.archive_dir), reclaim=True)
    _serve(settings, lambda service: service.prune(request, _unheard))


def upgrade(settings: Settings) -> None:
    upgrade_file(settings, _unheard)


OPERATIONS: dict[str, Callable[[Settings], None]] = {
    function.__name__: function for function in (restore, recover, backup, prune, upgrade)
}


async def _unheard(share: float, message: str) -> None:
    pass


def _serve(settings: Settings, ask: Callable[[LearningService], object]) -> None:
    async def work() -> None:
        service = LearningService(settings, open_store(settings))
        await ask(service)  # type: ignore[misc]
        await service.close()

    anyio.run(work)


def kill_at(step: int, root: str, event: str, values: tuple[object, ...], count: list[int]) -> None:
    """Counts the steps below `root`, and ends the process at one of them."""
    if event not in STEPS or not any(str(value).startswith(root) for value in values):
        return
    if ".mending" in str(values):  # a scratch file that nothing else looks at
        return
    if event == "open" and not _writes(values):
        return
    if event in ("os.remove", "shutil.rmtree") and not os.path.lexists(str(values[0])):
        return
    if event == "os.mkdir" and os.path.lexists(str(values[0])):
        return
    count[0] += 1
    if count[0] > step:
        os.kill(os.getpid(), signal.SIGKILL)


def _writes(values: tuple[object, ...]) -> bool:
    _, mode, flags = values
    return bool(mode and set(str(mode)) & set("wax+")) or bool(
        isinstance(flags, int) and flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
    )


def run_killed(operation: Callable[[Settings], None], directory: Path, step: int) -> bool:
    """Returns whether the process came to the end of the operation."""
    child = os.fork()
    if child:
        _, status = os.waitpid(child, 0)
        assert os.waitstatus_to_exitcode(status) in (0, -signal.SIGKILL), directory
        return status == 0
    count = [0]
    sys.addaudithook(lambda event, values: kill_at(step, str(directory), event, values, count))
    try:
        operation(Settings.load(data_dir=directory))
    except BaseException:  # noqa: BLE001 - the forked process ends here, whatever happens
        traceback.print_exc()
        os._exit(1)
    os._exit(0)


def main(name: str, base: Path, out: Path) -> None:
    step = 0
    while True:
        directory = out / str(step)
        shutil.copytree(base, directory)
        if partial(run_killed, OPERATIONS[name])(directory, step):
            break
        step += 1
    sys.stdout.write(str(step))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))
