"""Commands that run beside agents, get signals, and are repeated."""

import json
import random
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from uuid import UUID

import duckdb
from process.ledger import ABSENT, Change, State, States, Stored, Write
from process.trouble import Target, Trouble

STARTED = """
import sys
from mcp_learning.cli import main
print(file=sys.stderr, flush=True)
main()
"""
"""A command that says when Python has started: before, a signal ends any Python as it likes."""

LONG_AGO = "2024-01-01T00:00:00Z"
LATER = "2099-01-01T00:00:00Z"

KINDS = ("plain", "later", "old")
"""Of imported executions: of today; changed later than all that is told of them, which then only
keeps its outcome; so old that a prune forgets it."""

STATUS = {signal.SIGINT: 130, signal.SIGTERM: 143}
"""Of a command that a signal has interrupted."""

OUTCOME = {True: "success", False: "failure", None: "pending"}


class Imported:
    """A file of executions with known ids, and what its import does."""

    def __init__(self, path: Path, kind: str, rows: int, source: random.Random) -> None:
        self.path, self.kind = path, kind
        self.rows = {
            str(UUID(int=source.getrandbits(128), version=4)): Stored(
                f"Mend imported_{kind}_{number}_handler", "pending", f"Wait for {number}"
            )
            for number in range(rows)
        }
        times = {"plain": {}, "later": {"updated_at": LATER}, "old": {"recorded_at": LONG_AGO}}
        lines = [
            {
                "task_id": task_id,
                "task_type": "bug_fix",
                "task_description": row.description,
                "solution_summary": row.solution,
                **times[kind],
            }
            for task_id, row in self.rows.items()
        ]
        path.write_text("".join(json.dumps(line) + "\n" for line in lines))

    def changes(self) -> dict[str, Change]:
        """What importing it does to each execution."""
        return {task_id: self._change(row) for task_id, row in self.rows.items()}

    def _change(self, row: Stored) -> Change:
        def change(state: State) -> States:
            if state is None:
                return frozenset({row})
            if self.kind == "later":  # a source without an outcome doesn't replace one
                return frozenset({state._replace(solution=row.solution)})
            return frozenset({state})

        return change


class Commands(threading.Thread):
    """Runs command after command until all is over, and restores when it is asked to."""

    def __init__(self, trouble: Trouble, files: list[Imported], seed: int) -> None:
        super().__init__(name="commands", daemon=True)
        self.backups: list[tuple[Path, dict[str, Stored]]] = []
        """What restores may go back to, and what is in it."""
        self.restored = 0
        """Restores that were done."""
        self._trouble, self._ledger = trouble, trouble.ledger
        self._files = files
        self._archived = {
            task_id: row for one in files if one.kind == "old" for task_id, row in one.rows.items()
        }
        self._random = random.Random(seed * 1_000 + 999)
        self._ran = 0

    def run(self) -> None:
        simple: list[tuple[str, ...]] = [
            ("stats",),
            ("upgrade",),
            ("generate-embeddings",),
            ("rebuild-index",),
            ("similar", "Mend the handler that is broken"),
        ]
        makers: list[Callable[[], object]] = [self._import_any] * 5
        makers += [self.backup] * 3
        makers += [self._export, self._prune, self._unarchive]
        makers += [lambda words=words: self._expect_done(*words) for words in simple]  # type: ignore[misc]
        try:
            self._trouble.wait_for_writes(1)  # most commands refuse to make a database
            with self._trouble.starts.shared():
                self.import_again("later")
            while not self._trouble.over.is_set():
                with self._trouble.starts.shared():
                    self._random.choice(makers)()
        except BaseException as error:  # noqa: BLE001 - the test's thread raises it
            self._trouble.fail(self.name, error)

    def command(self, *words: str) -> tuple[int, str, Target]:
        """Runs a command; returns its status, what it wrote to stderr, and itself."""
        arguments = [sys.executable, "-c", STARTED, *words]
        with subprocess.Popen(
            [*arguments, "--data-dir", str(self._trouble.data_dir)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        ) as process:
            target = Target(f"command {words[0]}", process)
            with self._trouble.target(target):
                assert process.stderr is not None
                target.polite = process.stderr.readline() == b"\n"
                _, written = process.communicate()
        errors = written.decode(errors="replace").strip()
        self._ran += 1
        self._trouble.note(f"{' '.join(words)}: {process.returncode} {errors[-300:]}")
        assert "Traceback" not in errors, f"{words}, {target.sent}: {errors}"
        ends = {status for one, status in STATUS.items() if one in target.sent}
        by_signal = process.returncode < 0 or process.returncode > 128
        assert not by_signal or process.returncode in ends | {-one for one in target.sent}
        return process.returncode, errors, target

    def export(self) -> dict[str, list[Stored]]:
        """Every execution that an export has, each time that it has it; empty if it was ended."""
        path = self._trouble.files / "export.jsonl"
        if not self._expect_done("export", str(path), "--force"):
            return {}
        found: dict[str, list[Stored]] = {}
        for line in path.read_text().splitlines():
            row = json.loads(line)
            state = Stored(
                row["task_description"],
                row["outcome"],
                row.get("solution_summary"),
                len(row.get("feedback", [])),
            )
            found.setdefault(row["task_id"], []).append(state)
        return found

    def restore(self) -> None:
        """Goes back to a backup, while no server runs or starts; repeated until it is done."""
        if not self.backups:
            return None
        path, held = self._random.choice(self.backups)
        changes = {one: _becomes(held.get(one)) for one in self._ledger.ids()}
        for _ in range(5):
            write = self._ledger.begin(changes)
            status, errors, target = self.command("restore", str(path), "--force")
            if status == 0:
                self.restored += 1
                return self._ledger.acknowledge(write)
            if not target.doomed:  # another that waited for the lock got it first
                assert (status, "is in use by process" in errors) == (1, True), errors
                return self._ledger.refuse(write)
            self._ledger.leave_open(write, late=False)
        return None

    def _expect_done(self, *words: str) -> bool:
        """Runs a command that has to succeed unless it gets a signal that ends it."""
        status, errors, target = self.command(*words)
        assert status == 0 or target.doomed, f"{words}: {status} {errors}"
        return status == 0

    def _written(self, changes: Mapping[str, Change], *words: str) -> bool:
        write: Write = self._ledger.begin(changes)
        if done := self._expect_done(*words):
            self._ledger.acknowledge(write)
        else:
            self._ledger.leave_open(write)
        return done

    def _import_any(self) -> None:
        self.import_again(self._random.choice(KINDS))

    def import_again(self, kind: str) -> None:
        """Imports a file, also if it was before, and what it has was told of since."""
        (file,) = (file for file in self._files if file.kind == kind)
        for _ in range(3):
            if self._written(file.changes(), "import", "jsonl", str(file.path)):
                return

    def _prune(self) -> None:
        """Archives what is old, and sometimes rewrites the file."""
        more = ["--reclaim"] if self._random.random() < 0.5 else []
        changes = {task_id: _becomes(None) for task_id in self._archived}
        self._written(changes, "prune", "--older-than-days", "365", *more)

    def _unarchive(self) -> None:
        archive = self._trouble.data_dir / "archive"
        if any(archive.glob("*.parquet")):
            changes = {one: _may_return(row) for one, row in self._archived.items()}
            self._written(changes, "restore", str(archive))

    def backup(self) -> None:
        """Makes a backup, and compares it with what may have been stored meanwhile."""
        path = self._trouble.files / f"backup-{self._ran % 3}.duckdb"
        with self._ledger.watch() as seen:
            done = self._expect_done("backup", str(path), "--force")
        if done:
            held = stored_in(path)
            self._ledger.check(held, seen)
            self.backups = [one for one in self.backups if one[0] != path] + [(path, held)]

    def _export(self) -> None:
        """Exports in pages, between which executions may change."""
        with self._ledger.watch() as seen:
            found = self.export()
        for task_id, states in found.items():
            assert set(states) <= seen[task_id], (task_id, states, seen[task_id])
            assert len(states) == 1 or len(seen[task_id]) > 1, (task_id, states)
        if found:
            sure = {one for one, states in seen.items() if len(states) == 1 and states != ABSENT}
            assert sure <= found.keys(), f"not exported: {sure - found.keys()}"


def _becomes(state: State) -> Change:
    return lambda _: frozenset({state})


def _may_return(row: Stored) -> Change:
    return lambda state: frozenset({state} if state else {row, None})


def stored_in(path: Path) -> dict[str, Stored]:
    """What a database file holds that nobody has open; every execution is there once."""
    with duckdb.connect(str(path), read_only=True) as connection:
        rows: list[tuple[Any, ...]] = connection.execute(
            "SELECT task_id::VARCHAR, task_description, success, solution_summary, "
            "(SELECT count(*) FROM feedback f WHERE f.task_id = e.task_id) FROM executions e"
        ).fetchall()
    stored = {row[0]: Stored(row[1], OUTCOME[row[2]], row[3], row[4]) for row in rows}
    assert len(stored) == len(rows), "stored twice"
    return stored
