"""A server killed at random points of mixed work loses nothing, brings nothing back, and starts.

Each history is one database and the lives of the servers on it. Every life but those that are
killed while they start is compared with the truth and with the oracle before it works on. A seed
fixes the work and the plans; when exactly a signal meets a process, no seed can fix.
"""

import itertools
import random
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest
from process.life import Life, found_by, rebuilt, searches
from process.oracle import Oracle, ask_oracle, assert_equal, copy_truth, ids_of
from process.truth import Truth, look_ups, looked_up, stored_state
from process.workload import Workload

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs SIGKILL and SIGSTOP")

LIVES = 15
"""Most kills of one history: a minute's work."""

SAMPLE = 20
"""Executions that a new server is asked for, besides those with a write in flight at the kill; a
copy of the database is read in full."""

POLLS = 100_000
"""Looks at the files before a kill that waits for them to change happens anyway."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    kills, seed = metafunc.config.getoption("kills"), metafunc.config.getoption("seed")
    if "history" in metafunc.fixturenames:
        sizes = [min(LIVES, kills - done) for done in range(0, kills, LIVES)]
        histories = [(seed + number, size) for number, size in enumerate(sizes)]
        metafunc.parametrize(
            "history", histories, ids=[f"seed={s}-kills={k}" for s, k in histories]
        )


@dataclass(frozen=True)
class Plan:
    """When a server is killed.

    Attributes:
        moment: starting: before it is ready; working: after some answers; committing: when the
            database's files change next; building: when the index's files have changed
            often enough; closing: while it closes the database.
        answers: Answers to wait for first; none: until the database's files change.
        width: Calls in flight.
        changes: Changes of the files to wait for, where a moment waits for them.
        mode: How it searches.
    """

    moment: str
    answers: int
    width: int
    changes: int
    mode: str

    @classmethod
    def draw(cls, source: random.Random) -> "Plan":
        moments = {"starting": 6, "working": 3, "committing": 3, "building": 4, "closing": 2}
        (moment,) = source.choices(list(moments), list(moments.values()))
        return cls(
            moment=moment,
            answers=source.randrange(12) if moment == "starting" else source.randrange(1, 90),
            width=source.randint(2, 9),
            changes=source.randint(1, 7) if moment == "building" else source.randint(1, 3),
            mode=source.choice(("exact", "hnsw", "hnsw")),
        )


class History:
    """One database, what it must hold, and what happened to it."""

    def __init__(self, directory: Path, seed: int) -> None:
        self.data_dir = directory / "data"
        self.random = random.Random(seed)
        self.truth = Truth()
        self.work = Workload(self.random, self.truth)
        self.plans: list[Plan] = []
        self._copy = directory / "copy"

    def live(self, plan: Plan) -> None:
        """Starts a server, works with it as planned, kills it, and takes in its last words."""
        self.plans.append(plan)
        self.work.restarted()
        if plan.moment != "starting" and self.data_dir.exists():
            copy_truth(self.data_dir, self._copy)
        with Life(self.data_dir, plan.mode) as life:
            life.greet()
            if plan.moment != "starting":
                self.verify(life)
            self._work(life, plan)
            children = life.kill()
            for answer in life.last_words():
                self.work.take(answer)
            log = life.log()
        self.work.closing = False
        assert "Traceback" not in log, log
        _, left = psutil.wait_procs(children, timeout=30)
        assert not left, f"outlived their server: {left}"

    def verify(self, life: Life) -> None:
        """Everything acknowledged is there, nothing forgotten is, and searches are the oracle's."""
        if not self._copy.exists():
            return
        doubtful, known = self.truth.in_doubt, list(self.truth.possible)
        sample = doubtful + self.random.sample(known, min(SAMPLE, len(known)))
        questions = self.work.questions(8)
        calls = look_ups(sample)
        for call in [*calls, *searches(questions[:1])]:  # the search has it load the model
            life.start(call)
        oracle = ask_oracle(self._copy, questions)  # while the server starts
        assert oracle.stored.keys() <= self.truth.possible.keys()
        for task_id in known:
            detail = oracle.stored.get(task_id)
            self.truth.observe(task_id, stored_state(detail) if detail else None)
        for task_id, answer in zip(sample, life.answers(calls), strict=True):
            self.truth.observe(task_id, looked_up(answer))
        self.compare(life, questions, oracle)

    def end(self) -> None:
        """A last life: what is stored is right, an index can be built, and nothing is left over."""
        copy_truth(self.data_dir, self._copy)
        with Life(self.data_dir, "hnsw") as life:
            life.greet()
            self.verify(life)
            built = rebuilt(life)
            assert built["rows"] == len(self.truth.alive)
            questions = self.work.questions(8)
            self.compare(life, questions, ask_oracle(self._copy, questions))
            assert life.leave()[0] == 0
        assert not [file for file in self._index() if file.name.startswith("building")]

    def compare(self, life: Life, questions: list[dict[str, Any]], oracle: Oracle) -> None:
        found = found_by(life, questions)
        for one in found:
            assert set(ids_of(one)) <= set(self.truth.alive), "found, and yet not there"
        assert_equal(questions, found, oracle.found)

    def _work(self, life: Life, plan: Plan) -> None:
        files = self._index if plan.moment == "building" else self._database
        changes = _changes(files)
        if plan.moment == "building":
            life.start(self.work.rebuild())
        for answered in itertools.count():
            while len(life.in_flight) < plan.width:
                life.start(self.work.next_call())
            if plan.moment == "building":
                built = "rebuild_index" not in {c.tool for c in life.in_flight.values()}
                if next(changes) >= plan.changes or built:
                    return
            elif answered >= plan.answers:
                break
            if answer := life.answer():
                self.work.take(answer)
        if plan.moment == "closing":
            self.work.closing = True
            life.hang_up()
        if plan.moment in ("committing", "closing") or plan.answers == 0:
            _wait(lambda: next(changes) >= plan.changes or life.process.poll() is not None)

    def _database(self) -> list[Path]:
        return list(self.data_dir.glob("learning.duckdb*"))

    def _index(self) -> list[Path]:
        return list((self.data_dir / "index").glob("*"))


def _changes(files: Callable[[], list[Path]]) -> Iterator[int]:
    """How often the files were seen to have changed, each time that it is asked."""
    before = _sizes(files())
    for seen in itertools.count():
        yield seen
        while (now := _sizes(files())) == before:
            yield seen
        before = now


def _sizes(files: list[Path]) -> dict[str, tuple[int, int]]:
    sizes = {}
    for file in files:
        try:
            status = file.stat()
        except FileNotFoundError:
            continue  # it was there a moment ago
        sizes[file.name] = (status.st_size, status.st_mtime_ns)
    return sizes


def _wait(condition: Callable[[], bool]) -> None:
    """Looks again and again, without a pause: a kill shall meet the very moment."""
    next((True for _ in range(POLLS) if condition()), None)


@pytest.mark.timeout(400)  # a minute's work, on a machine that has nothing else to do
def test_kills_at_random_points_lose_nothing_and_bring_nothing_back(
    history: tuple[int, int], tmp_path: Path
) -> None:
    seed, kills = history
    told = History(tmp_path, seed)
    try:
        for _ in range(kills):
            told.live(Plan.draw(told.random))
        told.end()
    except Exception as error:
        again = f"--seed {seed} --kills {kills}"
        plans = "\n".join(map(str, told.plans))
        raise AssertionError(
            f"{again}: {error!r} after {len(told.plans)} lives:\n{plans}"
        ) from error
    assert told.truth.acknowledged > kills
