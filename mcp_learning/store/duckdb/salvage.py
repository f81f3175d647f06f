"""Saves the readable rows of a damaged database into a new one.

DuckDB reads a copy with recomputed block checksums in a child process, since damaged data may crash
it or make it hang.
"""

import json
import logging
import shutil
import subprocess
import sys
from collections import Counter, defaultdict
from contextlib import closing
from pathlib import Path
from typing import Any

from mcp_learning.errors import StoreDamaged
from mcp_learning.models.identifiers import former_task_key, task_key
from mcp_learning.models.maintenance import RecoveryReport, SavedTable
from mcp_learning.store.duckdb import block_checksums, lessons, migrations, normal_forms, verdicts
from mcp_learning.store.duckdb.connection import Cursor
from mcp_learning.store.duckdb.files import discard, size_on_disk, wal_of
from mcp_learning.store.duckdb.opening import connect
from mcp_learning.store.duckdb.queries import column, number

logger = logging.getLogger(__name__)


def salvage(damaged: Path, target: Path) -> RecoveryReport:
    """Fills a new database with the readable rows of a damaged one that no process uses.

    The damaged file and its log aren't changed; a copy is beside the new database meanwhile.

    Raises:
        StoreDamaged: Nothing can be read.
        StoreError: The file is encrypted, or is not of this package.
    """
    copy = target.with_name(f"{target.name}.copy")
    discard(target)
    discard(copy)
    try:
        with closing(connect(target)) as new:
            target.chmod(0o600)
            migrations.apply(new)
        for file, to in ((damaged, copy), (wal_of(damaged), wal_of(copy))):
            if file.exists():
                shutil.copyfile(file, to)
        mended = block_checksums.repair(
            copy, main_header=target.read_bytes()[: block_checksums.HEADER]
        )
        logged = size_on_disk(copy)
        steps = _read(copy, target)
        if "finished" not in steps:
            raise StoreDamaged(
                f"nothing can be read of {damaged}, not even its list of tables; it was left "
                "untouched: restore a backup with `mcp-learning restore`, or move the file away to "
                "begin a new database"
            )
        if lost := logged - size_on_disk(copy):
            mended.append(
                f"the write-ahead log was cut before its last {lost:,} bytes: what was recorded in "
                "them is lost, and deletions and updates in them are undone"
            )
        with closing(connect(target)) as new:
            changed = _reconcile(new)
            new.execute("CHECKPOINT")
        return RecoveryReport(
            path=str(damaged), damaged=True, tables=_summary(steps), mended=mended, changed=changed
        )
    except BaseException:
        discard(target)
        raise
    finally:
        discard(copy)


def _read(copy: Path, target: Path) -> dict[str, Any]:
    """Runs the child process until it finishes or can't go on; returns results by step.

    A step in which a process crashed or hung has the result None, and isn't tried by the next.
    """
    module = "mcp_learning.store.duckdb.salvage_worker"
    command = [sys.executable, "-P", "-m", module, str(copy), str(target)]
    steps: dict[str, Any] = {}
    known = -1
    while "finished" not in steps and len(steps) > known:
        known = len(steps)
        try:
            done = subprocess.run(
                command,
                input=json.dumps(steps).encode(),
                capture_output=True,
                timeout=60 + size_on_disk(copy) / 2**20,  # a sound file takes a fraction of it
                check=False,
            )
            output, errors = done.stdout, done.stderr
        except subprocess.TimeoutExpired as error:
            output, errors = error.stdout or b"", error.stderr or b""
        logger.debug("%s", errors.decode(errors="replace"))
        steps |= dict(json.loads(line) for line in output.splitlines(True) if line[-1:] == b"\n")
    return steps


def _summary(steps: dict[str, Any]) -> dict[str, SavedTable]:
    expected, saved = Counter[str](), Counter[str]()
    lost: dict[str, Counter[str]] = defaultdict(Counter)
    for step, result in steps.items():
        table, *what = step.split()
        if what == ["expected"]:
            expected[table] = result["rows"] if result else 0
        elif result:
            saved[table] += result["rows"]
            lost[table].update(result["lost"])
    return {
        table: SavedTable(
            expected=expected[table],
            saved=saved[table],
            incomplete=dict(sorted(lost[table].items())),
        )
        for table in {**expected, **saved}
    }


def _reconcile(new: Cursor) -> list[str]:
    """Makes the tables consistent; returns ids of executions whose description has changed."""
    new.create_function("task_key_of", task_key, ["VARCHAR"], "BIGINT")
    new.create_function("former_task_key_of", former_task_key, ["VARCHAR"], "BIGINT")
    ids = column(
        new,
        "UPDATE executions SET task_key = task_key_of(task_description) "
        "WHERE task_key <> task_key_of(task_description) "
        "AND task_key <> former_task_key_of(task_description) RETURNING task_id::VARCHAR",
    )
    for table in ("embeddings", "embeddings_next"):
        new.execute(
            f"DELETE FROM {table} WHERE list_contains(?, task_id::VARCHAR) "
            "OR task_id NOT IN (SELECT task_id FROM executions)",
            [ids],
        )
        # The vectors of their passages aren't saved.
        new.execute(
            f"DELETE FROM {table} WHERE task_id IN "
            "(SELECT task_id FROM executions WHERE strlen(task_description) > 1000)"
        )
    new.execute("DELETE FROM recall_counts WHERE task_id NOT IN (SELECT task_id FROM executions)")
    lessons.remove_without_evidence(new)
    new.execute(
        "UPDATE executions SET sequence = n.number FROM (SELECT task_id, "
        "(SELECT max(sequence) FROM executions) + row_number() OVER () AS number "
        "FROM executions WHERE sequence <= 0) n WHERE executions.task_id = n.task_id"
    )
    normal_forms.normalise(new)
    verdicts.add_missing(new)
    for sequence, table, name in (
        ("execution_sequence", "executions", "sequence"),
        ("embedding_version", "embeddings", "version"),
    ):
        last = number(new, f"SELECT coalesce(max({name}), 0) FROM {table}")
        new.execute(f"CREATE OR REPLACE SEQUENCE {sequence} START {last + 1:d}")
    return ids
