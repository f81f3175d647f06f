"""A full disk: said plainly, nothing half-written, and all is well once there is room.

Searches go on meanwhile. The disk is full for one server: no file of its may grow beyond a limit,
which is lifted while it runs.
"""

import random
import sys
from pathlib import Path
from typing import Any

import pytest
from process.life import Answer, Call, Life, found_by, rebuilt, searches
from process.oracle import ask_oracle, assert_equal, copy_truth, ids_of
from process.truth import Truth, stored_state
from process.workload import Workload

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="needs prlimit")

WRITES = ("record_execution", "submit_feedback", "forget_executions")


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    return tmp_path / "data"


def leave_room(life: Life, size: int | None) -> None:
    """No file of the server may grow beyond `size` bytes; None: any size."""
    import resource

    limit = resource.RLIM_INFINITY if size is None else size
    limits = (limit, resource.RLIM_INFINITY)
    resource.prlimit(life.process.pid, resource.RLIMIT_FSIZE, limits)


def log_size(data_dir: Path) -> int:
    """Bytes of the file that the next write makes grow."""
    return (data_dir / "learning.duckdb.wal").stat().st_size


def fill(life: Life, work: Workload, rows: int) -> None:
    """Records executions and waits until they are found."""
    calls = [work.record() for _ in range(rows)]
    for call in calls:
        work.truth.send(call)
    for answer in life.answers_to(calls):
        work.take(answer)
    found_by(life, work.questions(1))


def write(work: Workload) -> Call:
    """The next random write; other calls are passed over."""
    while (call := work.next_call()).tool not in WRITES:
        pass
    return call


def assert_names_the_disk(answer: Answer, path: Path) -> None:
    assert answer.failed
    assert "free some space" in answer.text, answer.text
    assert str(path) in answer.text, answer.text
    assert "\n" not in answer.text


def test_a_full_disk_refuses_writes_whole_and_takes_them_again_once_there_is_room(
    data_dir: Path, tmp_path: Path, pytestconfig: pytest.Config
) -> None:
    truth = Truth()
    work = Workload(random.Random(pytestconfig.getoption("seed")), truth)
    with Life(data_dir, "exact") as life:
        life.greet()
        fill(life, work, 20)
        for room in (13_900, 15_000):  # bytes: a few writes
            leave_room(life, log_size(data_dir) + room)
            write_until_refused(life, work, data_dir / "learning.duckdb")
            leave_room(life, None)
            while life.in_flight:
                if answer := life.answer():
                    work.take(answer) if not answer.failed else truth.refuse(answer.call)
            fill(life, work, 5)
            questions = work.questions(5)
            oracle = ask_oracle(copy_truth(data_dir, tmp_path / "copy"), questions)
            for task_id in truth.possible:
                detail = oracle.stored.get(task_id)
                truth.observe(task_id, stored_state(detail) if detail else None)
            assert_equal(questions, found_by(life, questions), oracle.found)
        assert life.leave()[0] == 0


def write_until_refused(life: Life, work: Workload, path: Path) -> None:
    """Writes, six at a time, until twenty were refused."""
    refused = 0
    while refused < 20:
        while len(life.in_flight) < 6:
            life.start(write(work))
        answer = life.answer()
        assert answer is not None
        if answer.failed:
            refused += 1
            assert_names_the_disk(answer, path)
            work.truth.refuse(answer.call)
        else:
            work.take(answer)


def test_a_disk_full_of_an_index_is_said_plainly_and_searches_go_on(
    data_dir: Path, tmp_path: Path
) -> None:
    work = Workload(random.Random(1), Truth())
    with Life(data_dir, "hnsw") as life:
        life.greet()
        fill(life, work, 60)
        questions = work.questions(5)
        expected = ask_oracle(copy_truth(data_dir, tmp_path / "copy"), questions).found
        for room in (20_000, 100_000):
            leave_room(life, room)

            (answer,) = life.answers_to([Call("rebuild_index", {})])

            assert_names_the_disk(answer, data_dir / "index")
            assert "None" not in answer.text
            assert_equal(questions, found_by(life, questions), expected)
            assert not list((data_dir / "index").glob("building*"))
        leave_room(life, None)
        assert rebuilt(life)["rows"] == 60
        assert_equal(questions, found_by(life, questions), expected)
        status, log = life.leave()
    assert status == 0
    assert "Traceback" not in log


def test_searches_go_on_while_there_is_no_room_for_a_new_vector(data_dir: Path) -> None:
    def asked(text: str) -> dict[str, Any]:
        return {"task_description": text, "limit": 5}

    task = {"task_type": "a", "task_description": "Move module_7 elsewhere", "outcome": "success"}
    work = Workload(random.Random(1), Truth())
    with Life(data_dir, "exact") as life:
        life.greet()
        fill(life, work, 20)
        old = work.truth.alive[0]
        text = (work.truth.state(old) or {})["task_description"]
        leave_room(life, log_size(data_dir) + 1_400)  # an execution, but not its vector
        (recorded,) = life.answers_to([Call("record_execution", task)])
        new = recorded.content["task_id"]

        (found,) = life.answers_to(searches([asked(text)]))

        assert old in ids_of(found.content)
        assert found.content["search"]["degraded"] is True
        leave_room(life, None)
        (again,) = found_by(life, [asked(task["task_description"])])
        assert ids_of(again)[0] == new
        assert life.leave()[0] == 0
