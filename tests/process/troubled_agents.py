"""Agents whose servers get signals: random calls, each answer checked with the ledger."""

import random
import signal
import threading
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from process.ledger import ABSENT, Change, State, States, Stored
from process.life import WAITING
from process.trouble import Target, Trouble
from process.wire import Server

from mcp_learning.errors import LearningError

OUTCOMES = ("success", "failure", "pending")
MOST_OPEN = 3
"""Writes of unknown outcome with which an execution is still chosen for another one."""

GONE = "is gone: it was moved or removed"

UNKNOWN = "no execution"


class ServerGone(Exception):
    """Raised when the server got a signal that ended it."""


class Refused(Exception):
    """Raised when a call failed and was free to."""


class TroubledAgent(threading.Thread):
    """Calls tools of server after server until all is over."""

    def __init__(self, trouble: Trouble, number: int, seed: int) -> None:
        super().__init__(name=f"agent {number}", daemon=True)
        self.target: Target | None = None
        self._trouble, self._ledger = trouble, trouble.ledger
        self._number = number
        self._random = random.Random(seed * 1_000 + number)
        self._own: list[str] = []
        self._server: Server | None = None

    def run(self) -> None:
        try:
            while not self._trouble.over.is_set():
                self._live()
        except BaseException as error:  # noqa: BLE001 - the test's thread raises it
            self._trouble.fail(self.name, error)

    def mark(self) -> None:
        """One write, so that all are done that were asked for before; between calls only.

        A server before its handshake was asked for nothing, and takes no calls.
        """
        is_ready = self.target is not None and self.target.polite
        if is_ready and self._server is not None and self._server.process.poll() is None:
            try:
                self._record()
            except (ServerGone, Refused):
                self._trouble.note(f"{self.name} has no server to mark with")

    def _live(self) -> None:
        with self._trouble.starts.shared():
            if self._trouble.over.is_set():
                return
            self._server = Server(self._trouble.data_dir)
            self.target = Target(f"server of {self.name}", self._server.process)
        with self._server as server, self._trouble.target(self.target):
            try:
                self._work(server, self.target)
                status, log = server.leave()
                assert status == 0, log
            except ServerGone:
                status = server.process.wait(timeout=60)
                log = server.log()
                if signal.SIGKILL not in self.target.sent:
                    assert status == 0, f"{self.target.sent}: {status}, {log}"
            finally:
                self._server = self.target = None
        assert "Traceback" not in log, log

    def _work(self, server: Server, target: Target) -> None:
        with self._trouble.starts.shared(), self._trouble.calls.shared():
            self._guarded(server.initialize)
            target.polite = True
            self._attempt(self._record)
        while not self._trouble.over.is_set():
            self._trouble.present.wait()
            with self._trouble.calls.shared():
                makers = [self._record] * 4 + [self._tell, self._rate] * 3 + [self._forget] * 2
                makers += [self._get] * 3 + [self._find] * 2
                self._attempt(self._random.choice(makers))

    def _attempt(self, call: Any) -> None:
        try:
            call()
        except Refused as refused:
            self._trouble.note(f"{self.name} was refused: {refused}")
            if self.target is not None and self.target.doomed:
                raise ServerGone from None

    def _guarded(self, fn: Any) -> Any:
        try:
            return fn()
        except (LearningError, OSError):
            if self.target is not None and self.target.doomed:
                raise ServerGone from None
            raise

    def _ask(self, tool: str, arguments: Mapping[str, Any], excuse: str = GONE) -> Any:
        assert self._server is not None
        assert self.target is not None
        server, moves = self._server, self._trouble.moves
        result = self._guarded(lambda: server.call(tool, **arguments))
        if result.get("isError"):
            text = result["content"][0]["text"]
            moved = moves % 2 == 1 or moves != self._trouble.moves
            excused = moved if GONE in text else excuse in text
            if excused or self.target.doomed:
                raise Refused(text)
            raise AssertionError(f"{tool} {arguments}: {text}")
        return result["structuredContent"]

    def _write(
        self, about: str, change: Change, tool: str, *, excuse: str = GONE, **arguments: Any
    ) -> None:
        write = self._ledger.begin({about: change})
        try:
            self._ask(tool, arguments, excuse)
        except BaseException:
            self._ledger.leave_open(write)
            raise
        self._ledger.acknowledge(write)

    def _record(self) -> None:
        task_id = str(UUID(int=self._random.getrandbits(128), version=4))
        word = f"module_{self._number}_{self._random.randrange(10**6)}_handler"
        self._own.append(task_id)
        self._upsert(task_id, f"Mend {word}, which agent {self._number} broke")

    def _tell(self) -> None:
        """Tells the outcome, and perhaps the solution, of an execution of its own or imported."""
        if (chosen := self._chosen()) is None:
            return self._record()
        return self._upsert(*chosen)

    def _upsert(self, task_id: str, description: str) -> None:
        outcome = self._random.choice(OUTCOMES)
        given = {"task_id": task_id, "task_description": description, "outcome": outcome}
        if self._random.random() < 0.5:
            given["solution_summary"] = f"Restart it {self._random.randrange(10**6)} times"

        def change(state: State) -> States:
            solution = given.get("solution_summary", state and state.solution)
            return frozenset(
                {Stored(description, outcome, solution, state.feedback if state else 0)}
            )

        self._write(task_id, change, "record_execution", task_type="bug_fix", **given)

    def _rate(self) -> None:
        if (chosen := self._chosen()) is None:
            return self._record()
        task_id, _ = chosen

        def change(state: State) -> States:
            return frozenset({state and state._replace(feedback=state.feedback + 1)})

        given: dict[str, Any] = {"task_id": task_id, "rating": 4}
        with self._ledger.watch([task_id]) as seen:
            try:
                self._write(task_id, change, "submit_feedback", excuse=UNKNOWN, **given)
            except Refused as refused:  # a restore that overlaps may have taken it away
                if UNKNOWN in str(refused) and None not in seen[task_id]:
                    raise AssertionError(f"{task_id} is lost: {seen}") from refused
                raise
        return None

    def _forget(self) -> None:
        if (chosen := self._chosen()) is None or self._random.random() < 0.3:
            return self._record()
        given: dict[str, Any] = {"task_ids": [chosen[0]], "dry_run": False}
        self._write(chosen[0], lambda _: ABSENT, "forget_executions", **given)
        return None

    def _get(self) -> None:
        known = self._ledger.ids()
        for task_id in self._random.sample(known, min(1, len(known))):
            with self._ledger.watch([task_id]) as seen:
                state = self._stored(task_id)
            assert state in seen[task_id], (task_id, state, seen)

    def _stored(self, task_id: str) -> State:
        try:
            content = self._ask("get_execution", {"task_id": task_id}, UNKNOWN)
        except Refused as refused:
            if UNKNOWN in str(refused):
                return None
            raise
        told = content["execution"]
        return Stored(
            told["task_description"],
            told["outcome"],
            told.get("solution_summary"),
            len(content["feedback"]),
        )

    def _find(self) -> None:
        if (chosen := self._chosen()) is None:
            return
        task_id, description = chosen
        arguments = {"task_description": description, "limit": 50, "max_tokens": 50_000}
        with self._ledger.watch() as seen:
            content = self._ask("find_similar_tasks", arguments)
        found = [match["task_id"] for match in content["matches"]]
        assert len(set(found)) == len(found), f"twice in {found}"
        back = [one for one in found if seen.get(one, ABSENT) == ABSENT]
        assert not back, f"found, and yet gone: {back}"
        if WAITING not in content["search"].get("reason", "") and None not in seen[task_id]:
            assert task_id in found, f"{task_id} is not in {content}"

    def _chosen(self) -> tuple[str, str] | None:
        """The id and description of an execution that exists for certain, and is this agent's."""
        for task_id in self._random.sample(self._own, min(10, len(self._own))):
            with self._ledger.changed:
                states = self._ledger.possible(task_id)
                if None not in states and self._ledger.open_writes(task_id) < MOST_OPEN:
                    (description,) = {state.description for state in states if state}
                    return task_id, description
        return None

    def adopt(self, task_ids: list[str]) -> None:
        """Has it write to these executions, too, and no other agent."""
        self._own += task_ids
