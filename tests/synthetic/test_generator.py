import re
import statistics
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from mcp_learning.errors import InvalidInput
from mcp_learning.models.requests import RecordExecution
from mcp_learning.models.results import Execution
from mcp_learning.synthetic import vocabulary
from mcp_learning.synthetic.generator import DAYS, Run, drift_moment, make_runs, make_tasks
from mcp_learning.synthetic.task_types import TASK_TYPES

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


def executions_of(*task_types: str, count: int = 6_000) -> list[Execution]:
    tasks = make_tasks(count // 3, seed=1, task_types=task_types)
    return [run.execution for run in make_runs(tasks, count, seed=1, until=UNTIL)]


def success_rate(made: list[Execution]) -> float:
    outcomes = [execution.outcome for execution in made]
    return outcomes.count("success") / len(outcomes)


def test_every_task_type_has_approaches_of_its_own() -> None:
    labels = [label for one in TASK_TYPES.values() for label in one.approaches]
    assert len(set(labels)) == len(labels)
    for execution in executions_of(count=500):
        assert execution.approach in TASK_TYPES[execution.task_type].approaches


def test_most_failures_are_retried_with_another_approach() -> None:
    made = {execution.task_id: execution for execution in executions_of()}
    failures = [one for one in made.values() if one.outcome == "failure"]
    retries = [one for one in made.values() if "retry_of" in (one.metadata or {})]
    assert 0.6 < len(retries) / len(failures) < 0.8
    for retry in retries:
        failed = made[UUID(str((retry.metadata or {})["retry_of"]))]
        assert failed.outcome == "failure"
        assert failed.task_description == retry.task_description
        assert failed.recorded_at < retry.recorded_at
        assert failed.approach != retry.approach


def test_a_retry_that_succeeds_tells_the_fix_of_the_error_before() -> None:
    made = {execution.task_id: execution for execution in executions_of()}
    fixes = {
        error_type: "|".join(
            re.sub(r"\\{\w+\\}", ".+", re.escape(failure.fix)) for failure in failures
        )
        for error_type, failures in vocabulary.FAILURES.items()
    }
    fixed = 0
    for retry in made.values():
        earlier = (retry.metadata or {}).get("retry_of")
        if earlier is None or retry.outcome != "success":
            continue
        error_type = made[UUID(str(earlier))].error_type
        assert error_type is not None
        assert retry.solution_summary is not None
        assert re.match(fixes[error_type], retry.solution_summary, re.IGNORECASE)
        fixed += 1
    assert fixed > 500


def test_retries_succeed_more_often_than_first_runs() -> None:
    made = executions_of()
    retries = [one for one in made if "retry_of" in (one.metadata or {})]
    others = [one for one in made if "retry_of" not in (one.metadata or {})]
    assert success_rate(retries) > success_rate(others) + 0.1


def test_some_approaches_get_better_or_worse_at_the_moment_of_drift() -> None:
    made = executions_of("bug_fix", "feature")

    def change(approach: str) -> float:
        moment = drift_moment(UNTIL)
        mine = [one for one in made if one.approach == approach]
        before = success_rate([one for one in mine if one.recorded_at < moment])
        return success_rate([one for one in mine if one.recorded_at >= moment]) - before

    assert change("bisect the history") < -0.15
    assert change("copy a similar feature") > 0.1
    assert abs(change("reproduce with a failing test")) < 0.1


def test_durations_and_costs_differ_by_approach_and_tier() -> None:
    made = [one for one in executions_of("bug_fix") if one.duration_seconds is not None]

    def median(field: str, **wanted: str) -> float:
        chosen = [one for one in made if all(getattr(one, k) == v for k, v in wanted.items())]
        return float(statistics.median(getattr(one, field) for one in chosen))

    slow, fast = "rewrite the module", "bisect the history"
    assert median("duration_seconds", approach=slow) > 2 * median("duration_seconds", approach=fast)
    assert median("cost_usd", model_tier="opus") > 3 * median("cost_usd", model_tier="haiku")


def test_only_the_wanted_task_types_are_made() -> None:
    tasks = make_tasks(100, seed=1, task_types=["docs", "test"])
    assert {task.task_type for task in tasks} == {"docs", "test"}


def test_any_task_type_and_repository_can_be_asked_for() -> None:
    tasks = make_tasks(60, seed=1, task_types=["spring_cleaning", "docs"], repos=["a/b", "c/d"])
    assert {task.task_type for task in tasks} == {"spring_cleaning", "docs"}
    assert {task.repo for task in tasks} == {"a/b", "c/d"}
    made = [run.execution for run in make_runs(tasks, 200, seed=1, until=UNTIL)]
    cleaned = [one for one in made if one.task_type == "spring_cleaning"]
    assert all("spring cleaning" in one.task_description.lower() for one in cleaned)
    assert len({one.approach for one in cleaned}) == 3
    with pytest.raises(InvalidInput, match=r"task_types.*64"):
        make_tasks(1, seed=1, task_types=["x" * 65])
    with pytest.raises(InvalidInput, match=r"repos.*500"):
        make_tasks(1, seed=1, repos=["x" * 501])


def test_ids_are_the_same_at_another_time_and_differ_from_the_first_digits_on() -> None:
    tasks = make_tasks(50, seed=3)
    later = make_runs(tasks, 200, seed=3, until=UNTIL + timedelta(days=9))
    ids = [run.execution.task_id for run in runs(200, seed=3)]
    assert [run.execution.task_id for run in later] == ids
    assert sorted(ids) == ids
    assert len({str(one)[:8] for one in ids}) == 200
    assert not set(ids) & {run.execution.task_id for run in runs(200, seed=4)}


def test_a_solution_is_that_of_its_task() -> None:
    tasks = make_tasks(200, seed=1)
    for run in make_runs(tasks, 600, seed=1, until=UNTIL):
        if run.execution.outcome == "success":
            assert run.execution.solution_summary is not None
            assert run.execution.solution_summary.endswith(tasks[run.task].solution)


def test_all_task_types_come_up() -> None:
    assert {task.task_type for task in make_tasks(300, seed=1)} == set(TASK_TYPES)
