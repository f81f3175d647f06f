"""Processes of their own for the store's tests: `python children.py COMMAND DATA_DIR`.

Each prints JSON lines. Everything goes through the product's own `Database`.
"""

import json
import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import anyio
import anyio.to_thread

from mcp_learning.errors import LearningError
from mcp_learning.models.results import Execution
from mcp_learning.settings import Settings
from mcp_learning.store.duckdb import executions
from mcp_learning.store.duckdb.connection import Cursor, Database
from mcp_learning.store.duckdb.migrations import open_database


def say(**what: object) -> None:
    """One line for the parent."""
    print(json.dumps(what), flush=True)  # noqa: T201


async def record(database: Database, characters: int = 10) -> str:
    """Records one execution of incompressible text; returns its id once acknowledged."""
    now = datetime.now(UTC)
    execution = Execution(
        task_id=uuid4(),
        recorded_at=now,
        updated_at=now,
        task_type="fill",
        task_description=os.urandom(characters // 2).hex(),
        outcome="success",
    )
    await database.write(lambda cursor: executions.insert(cursor, execution))
    return str(execution.task_id)


async def hold(database: Database) -> None:
    """Keeps the file open until stdin closes."""
    await database.open()
    say(pid=os.getpid())
    await anyio.to_thread.run_sync(sys.stdin.read)
    await database.close()


async def append(database: Database) -> None:
    """Acknowledges one write after the other until it is killed."""
    while True:
        say(acknowledged=await record(database))


async def fill(database: Database) -> None:
    """Writes until there is no room, tries on, then goes on once there is room again."""
    import resource  # POSIX only, as is the whole command
    import signal

    limit, characters, opened = (int(argument) for argument in sys.argv[3:])
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    if opened:
        await database.open()
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
    acknowledged: list[str] = []
    errors: list[tuple[str, str]] = []
    while len(errors) < 3:
        try:
            acknowledged.append(await record(database, characters))
        except LearningError as error:
            errors.append((type(error).__name__, str(error)))
    resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    acknowledged.append(await record(database, characters))
    seen = await database.read(executions.count)
    acknowledged.append(await record(database, characters))
    await database.close()
    say(acknowledged=acknowledged, errors=errors, seen=seen)


def largest_file(directory: Path) -> int:
    """Bytes of the largest file."""
    return max(file.stat().st_size for file in directory.iterdir())


async def alternate(database: Database) -> None:
    """Takes the room away and gives it back, again and again, while others read."""
    import resource
    import signal

    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    await database.read(lambda c: c.execute("SET GLOBAL wal_autocheckpoint = '200KB'") and None)
    acknowledged, refused = [await record(database)], 0
    failed_reads: list[str] = []
    reads = 0

    async def read() -> None:
        nonlocal reads
        while True:
            try:
                await database.read(executions.count)
                reads += 1
            except LearningError as error:
                failed_reads.append(str(error))

    async with anyio.create_task_group() as group:
        for _ in range(3):
            group.start_soon(read)
        for turn in range(12):
            limit = largest_file(database.path.parent) + 30_000 * (turn % 2)
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
            for _ in range(4):
                try:
                    acknowledged.append(await record(database, 20_000))
                except LearningError:
                    refused += 1
            resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
            acknowledged.append(await record(database, 20_000))
        group.cancel_scope.cancel()
    await database.close()
    say(acknowledged=acknowledged, refused=refused, reads=reads, failed_reads=failed_reads)


def ids_of(cursor: Cursor) -> list[str]:
    """All task ids, sorted."""
    rows = cursor.execute("SELECT task_id::VARCHAR FROM executions ORDER BY 1").fetchall()
    return [row[0] for row in rows]


if __name__ == "__main__":
    command = {"hold": hold, "append": append, "fill": fill, "alternate": alternate}[sys.argv[1]]
    anyio.run(command, open_database(Settings.load(data_dir=Path(sys.argv[2]))))
