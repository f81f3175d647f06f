from datetime import UTC, datetime, timedelta

import pytest

from mcp_learning.bench.generator import DAYS, TASK_TYPES, Run, make_runs, make_tasks
from mcp_learning.errors import InvalidInput
from mcp_learning.models.requests import RecordExecution

UNTIL = datetime(2025, 6, 1, tzinfo=UTC)


def runs(count: int, seed: int) -> list[Run]:
    return list(make_runs(make_tasks(50, seed=seed), count, seed=seed, until=UNTIL))


def test_the_same_seed_gives_the_same_executions() -> None:
    assert runs(200, seed=3) == runs(200, seed=3)


def test_another_seed_gives_other_executions() -> None:
    assert make_tasks(50, seed=3) != make_tasks(50, seed=4)


def test_descriptions_and_ids_are_unique() -> None:
    tasks = make_tasks(500, seed=1)
    made = list(make_runs(tasks, 1_000, seed=1, until=UNTIL))
    assert len({task.description for task in tasks}) == len(tasks)
    assert len({run.execution.task_id for run in made}) == len(made) == 1_000


def test_executions_are_those_of_their_task_in_the_order_of_time() -> None:
    tasks = make_tasks(50, seed=1)
    made = list(make_runs(tasks, 300, seed=1, until=UNTIL))
    moments = [run.execution.recorded_at for run in made]
    assert moments == sorted(moments)
    assert UNTIL - timedelta(days=DAYS) <= moments[0] <= moments[-1] <= UNTIL
    assert all(run.execution.task_description == tasks[run.task].description for run in made)


def test_every_execution_could_have_been_recorded_by_an_agent() -> None:
    for run in runs(300, seed=2):
        values = run.execution.model_dump(exclude={"recorded_at", "updated_at"}, exclude_none=True)
        names = RecordExecution.model_fields
        details = {name: values.pop(name) for name in list(values) if name not in names}
        RecordExecution.model_validate({**values, "details": details})


def test_better_approaches_succeed_more_often() -> None:
    tasks = make_tasks(100, seed=1, task_types=["bug_fix"])
    made = [run.execution for run in make_runs(tasks, 2_000, seed=1, until=UNTIL)]

    def rate(approach: str) -> float:
        outcomes = [one.outcome for one in made if one.approach == approach]
        return outcomes.count("success") / len(outcomes)

    assert rate("reproduce with a failing test") > rate("rewrite the module") + 0.3


def test_only_the_wanted_task_types_are_made() -> None:
    tasks = make_tasks(100, seed=1, task_types=["docs", "test"])
    assert {task.task_type for task in tasks} == {"docs", "test"}


def test_an_unknown_task_type_is_refused_with_the_known_ones() -> None:
    with pytest.raises(InvalidInput, match=r"cooking.*bug_fix"):
        make_tasks(1, seed=1, task_types=["cooking"])


def test_all_task_types_come_up() -> None:
    assert {task.task_type for task in make_tasks(300, seed=1)} == set(TASK_TYPES)
