"""Agents at work on one database, each with a server process of its own, and what they know.

A ledger holds what was acknowledged to any of them. An agent's server may be killed: then the call
that it had in flight may or may not have been done, and it goes on with a new server.
"""

import json
import random
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
from process.life import WAITING
from process.wire import Server

from mcp_learning.errors import LearningError

OUTCOMES = ("success", "failure", "pending")


@dataclass
class Row:
    """What is known of an execution; all possible values, one unless a kill left it open."""

    task_id: str
    description: str
    outcomes: set[str]
    feedback: set[int]
    kept: bool
    """Whether it is never forgotten, so that other agents may look for it."""


class Killed(Exception):
    """Raised when the server was killed on purpose before it answered."""


class Crowd:
    """Several agents, and everything acknowledged to them."""

    def __init__(self, data_dir: Path, agents: int, seed: int, enough: Callable[["Agent"], bool]):
        self.data_dir = data_dir
        self.rows: dict[str, Row] = {}
        self.gone: set[str] = set()
        """Descriptions of executions that were forgotten."""
        self.uncertain: set[str] = set()
        """Descriptions of which it isn't known whether they were recorded, or forgotten."""
        self.changed = threading.Condition()
        self.acknowledged = 0
        self.failures: list[str] = []
        self.enough = enough
        self.agents = [Agent(self, number, seed) for number in range(agents)]

    def run(self, meanwhile: Callable[[], None] = lambda: None) -> None:
        """Has all work until they have done enough; raises what went wrong for any."""
        for agent in self.agents:
            agent.start()
        try:
            meanwhile()
        finally:
            for agent in self.agents:
                agent.join(600)
        assert not self.failures, "\n".join(self.failures)

    def wait(self, until: Callable[[], bool], timeout: float = 100) -> None:
        """Waits until something acknowledged makes `until` true, or an agent fails."""
        with self.changed:
            assert self.changed.wait_for(lambda: self.failures or until(), timeout)
        assert not self.failures, "\n".join(self.failures)

    def leader(self) -> "Agent | None":
        """The agent whose server leads; None while there is none."""
        try:
            pid = json.loads((self.data_dir / "run" / "leader.json").read_text())["leader"]["pid"]
        except FileNotFoundError:
            return None
        running = [a for a in self.agents if a.server and a.server.process.pid == pid]
        return running[0] if running else None

    def assert_stored(self) -> None:
        """The database holds what was acknowledged, once, and nothing else."""
        with duckdb.connect(str(self.data_dir / "learning.duckdb")) as connection:
            stored = connection.execute(
                "SELECT task_id::VARCHAR, task_description, success, "
                "(SELECT count(*) FROM feedback f WHERE f.task_id = e.task_id) FROM executions e"
            ).fetchall()
        descriptions = [row[1] for row in stored]
        assert len(set(descriptions)) == len(descriptions), "stored twice"
        expected = {row.description for row in self.rows.values()}
        assert expected <= set(descriptions), f"lost: {expected - set(descriptions)}"
        assert not (set(descriptions) - expected - self.uncertain), "never acknowledged"
        outcomes = {True: "success", False: "failure", None: "pending"}
        for task_id, description, success, feedback in stored:
            if description in expected:
                row = self.rows[task_id]
                assert row.description == description
                assert outcomes[success] in row.outcomes, row
                assert feedback in row.feedback, (row, feedback)


class Agent(threading.Thread):
    """One agent: random calls, each checked against what was acknowledged before it was sent."""

    def __init__(self, crowd: Crowd, number: int, seed: int) -> None:
        super().__init__(name=f"agent {number}", daemon=True)
        self.server: Server | None = None
        self.doomed = False
        """Whether its server is being killed."""
        self.calls = 0
        self.spans: list[tuple[float, float]] = []
        """When each acknowledged call was sent and answered."""
        self._crowd = crowd
        self._number = number
        self._random = random.Random(seed * 1_000 + number)
        self._own: list[str] = []

    def run(self) -> None:
        """Works with server after server until it has done enough."""
        try:
            while not self._crowd.enough(self):
                with suppress(Killed), Server(self._crowd.data_dir) as self.server:
                    self._work()
        except BaseException as error:  # noqa: BLE001 - the test's thread raises it
            with self._crowd.changed:
                self._crowd.failures.append(f"{self.name}: {type(error).__name__}: {error}")
                self._crowd.changed.notify_all()

    def _work(self) -> None:
        assert self.server is not None
        try:
            self.doomed = False
            self._guarded(self.server.initialize)
            while not self._crowd.enough(self):
                makers = [self._record] * 6 + [self._update, self._rate, self._forget] * 2
                makers += [self._get, self._find] * 4 + [self._stats]
                self._random.choice(makers)()
                self.calls += 1
            status, stderr = self.server.leave()
            assert status == 0, stderr
            assert "Traceback" not in stderr, stderr
        finally:
            self.server = None

    def _guarded(self, fn: Callable[[], Any]) -> Any:
        try:
            return fn()
        except (LearningError, OSError):
            if self.doomed:
                raise Killed from None
            raise

    def _ask(self, tool: str, **arguments: Any) -> dict[str, Any]:
        assert self.server is not None
        server, sent = self.server, time.monotonic()
        result = self._guarded(lambda: server.call(tool, **arguments))
        assert not result.get("isError"), f"{tool} {arguments}: {result['content'][0]['text']}"
        self.spans.append((sent, time.monotonic()))
        with self._crowd.changed:
            self._crowd.acknowledged += 1
            self._crowd.changed.notify_all()
        content: dict[str, Any] = result["structuredContent"]
        return content

    def _record(self) -> None:
        number = f"{self._number}_{self.calls}_{self._random.randrange(10**6)}"
        description = f"Mend module_{number}_handler, which agent {self._number} broke"
        outcome = self._random.choice(OUTCOMES)
        used = [row.task_id for row in self._kept(self._random.choice((0, 0, 1, 3)))]
        try:
            content = self._ask(
                "record_execution",
                task_type="bug_fix",
                task_description=description,
                outcome=outcome,
                used_task_ids=used,
            )
        except Killed:
            self._crowd.uncertain.add(description)
            raise
        assert content["created"] is True
        kept = self._random.random() < 0.8
        row = Row(content["task_id"], description, {outcome}, {0}, kept)
        assert row.task_id not in self._crowd.rows
        self._crowd.rows[row.task_id] = row
        self._own.append(row.task_id)

    def _update(self) -> None:
        if not (row := self._one_of_mine()):
            return self._record()
        outcome = self._random.choice(OUTCOMES)
        try:
            content = self._ask(
                "record_execution",
                task_id=row.task_id,
                task_type="bug_fix",
                task_description=row.description,
                outcome=outcome,
            )
        except Killed:
            row.outcomes = row.outcomes | {outcome}
            raise
        assert content["created"] is False
        row.outcomes = {outcome}
        return None

    def _rate(self) -> None:
        if not (row := self._one_of_mine()):
            return self._record()
        more = {count + 1 for count in row.feedback}
        try:
            content = self._ask("submit_feedback", task_id=row.task_id, rating=4)
        except Killed:
            row.feedback = row.feedback | more
            raise
        assert content["feedback_count"] in more, (row, content)
        row.feedback = {content["feedback_count"]}
        return None

    def _forget(self) -> None:
        mine = [i for i in self._own if not self._crowd.rows[i].kept]
        if not mine:
            return self._record()
        task_id = self._random.choice(mine)
        self._own.remove(task_id)
        row = self._crowd.rows.pop(task_id)
        try:
            self._ask("forget_executions", task_ids=[task_id], dry_run=False)
        except Killed:
            self._crowd.uncertain.add(row.description)
            raise
        self._crowd.gone.add(row.description)
        return None

    def _get(self) -> None:
        row = self._one_of_mine() if self._random.random() < 0.5 else None
        for seen in [row] if row else self._kept(1):
            feedback = min(seen.feedback)
            content = self._ask("get_execution", task_id=seen.task_id)
            assert content["execution"]["task_description"] == seen.description
            assert len(content["feedback"]) >= feedback
            if row:
                assert content["execution"]["outcome"] in row.outcomes

    def _find(self) -> None:
        for row in self._kept(1):
            gone = set(self._crowd.gone)
            content = self._ask("find_similar_tasks", task_description=row.description)
            found = [match["task_id"] for match in content["matches"]]
            if WAITING not in content["search"].get("reason", ""):
                assert row.task_id in found, f"{row} is not in {content}"
            assert not gone & {match["task_description"] for match in content["matches"]}

    def _stats(self) -> None:
        rows = len(self._kept(10**9))
        health = self._ask("learning_stats")["health"]
        assert health["rows"] >= rows
        assert health["leader"]["pid"] == health["owner_pid"]

    def _one_of_mine(self) -> Row | None:
        return self._crowd.rows[self._random.choice(self._own)] if self._own else None

    def _kept(self, count: int) -> list[Row]:
        """Some rows that any agent has had acknowledged, and none forgets."""
        kept = [row for row in list(self._crowd.rows.values()) if row.kept]
        return self._random.sample(kept, min(count, len(kept)))


def pauses(agents: list[Agent], kills: list[float]) -> tuple[list[float], list[float]]:
    """For each kill, seconds until calls were answered by a successor.

    Returns:
        To the first answer of a call sent after the kill (what was answered before may still have
        been on its way), and to the last answer of a call that was in flight.
    """
    spans = [span for agent in agents for span in agent.spans]
    first = [min(end - kill for begin, end in spans if begin > kill) for kill in kills]
    last = [
        max((end - kill for begin, end in spans if begin <= kill < end), default=0.0)
        for kill in kills
    ]
    return first, last
