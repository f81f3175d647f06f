"""Commits in the learning database: beside what agents tell, and imported again."""

from datetime import timedelta
from pathlib import Path

import pytest
from clients.transfer.repositories import BEGINNING, Repository
from service.examples import record

from mcp_learning.clients.judging import junit
from mcp_learning.models.corrections import Judge
from mcp_learning.models.dashboard import ListExecutions
from mcp_learning.models.requests import GetExecution, RecommendApproach, RecordExecution
from mcp_learning.models.results import Execution
from mcp_learning.models.transfer import ImportBatch, Imported
from mcp_learning.service.learning import LearningService

pytestmark = pytest.mark.anyio

SUBJECTS = [f"feat(spout): pour tea into cup number {number}" for number in range(5)]


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    made = Repository(tmp_path / "teapot")
    for number, subject in enumerate(SUBJECTS):
        made.commit(subject, f"src/spout/cup_{number}.py", f"tests/test_cup_{number}.py")
    made.git("revert", "--no-edit", "HEAD", day=1)
    return made


async def take(service: LearningService, repository: Repository) -> Imported:
    return await service.import_batch(ImportBatch(records=repository.past()))


async def stored(service: LearningService, repository: Repository) -> list[Execution]:
    ids = [one.task_id for one in repository.past()]
    return [(await service.get(GetExecution(task_id=one))).execution for one in ids]


async def test_recommendations_beside_commits_are_the_approaches_of_agents(
    service: LearningService, repository: Repository
) -> None:
    await take(service, repository)
    for number in range(6):
        approach = "tilt the pot slowly" if number % 2 else "pour through a funnel"
        text = f"pour tea into a cup of porcelain, number {number}"
        outcome = "success" if number % 2 else "failure"
        await record(service, text, approach=approach, outcome=outcome, repo="teapot")

    request = RecommendApproach(task_description="pour tea into a cup", repo="teapot")
    found = await service.recommend(request)

    assert [option.label for option in found.options] == [
        "tilt the pot slowly",
        "pour through a funnel",
    ]


async def test_importing_again_mends_what_earlier_versions_made_of_commits(
    service: LearningService, repository: Repository
) -> None:
    former = []
    for one in repository.past():
        outcome = one.execution.outcome
        known = {"outcome": "success" if outcome == "pending" else outcome, "approach": "spout"}
        metadata = {**(one.execution.details.metadata or {})}
        for name in ("source", "verdicts"):
            metadata.pop(name, None)
        values = one.execution.model_dump(exclude={"details"}, exclude_none=True) | known
        values["details"] = {"file_count": 2, "metadata": metadata}
        at = BEGINNING + timedelta(days=1) if outcome == "failure" else None
        execution = RecordExecution.model_validate(values)
        former.append(one.model_copy(update={"execution": execution, "updated_at": at}))
    await service.import_batch(ImportBatch(records=former))
    told = former[0]
    await service.record(
        RecordExecution.model_validate(
            {
                "task_id": told.task_id,
                "task_type": "feature",
                "task_description": told.execution.task_description,
                "outcome": "success",
                "approach": "hold the lid",
            }
        )
    )

    assert (await take(service, repository)).updated == len(SUBJECTS) - 1
    assert (await take(service, repository)).unchanged == len(SUBJECTS)

    first, *others = await stored(service, repository)
    assert (first.approach, first.outcome, first.outcome_basis) == (
        "hold the lid",
        "success",
        "told",
    )
    assert {one.approach for one in others} == {None}
    assert [one.outcome for one in others] == ["success"] * 3 + ["failure"]
    assert {one.outcome_basis for one in others} == {"git"}
    assert [one.outcome_confidence for one in others] == [0.6] * 3 + [0.95]


async def test_what_became_of_a_commit_later_changes_its_outcome(
    service: LearningService, repository: Repository
) -> None:
    await take(service, repository)
    repository.git("revert", "--no-edit", "HEAD~2", day=2)
    repository.commit("Go on a month later", "src/pot.py", day=30)

    # Three stand by now, one was reverted, and the revert of the last might have come by a merge.
    assert (await take(service, repository)).updated == 5
    assert (await take(service, repository)).unchanged == 6

    *_, reverted, _, _ = await stored(service, repository)
    assert (reverted.outcome, reverted.solution_summary) == ("failure", None)
    assert (reverted.error_message or "").startswith("Reverted by commit ")


async def test_a_correction_that_a_merge_brings_late_is_taken_in(
    service: LearningService, repository: Repository
) -> None:
    repository.git("checkout", "--quiet", "-b", "mended")
    repository.git("revert", "--no-edit", "HEAD~2", day=10)
    repository.git("checkout", "--quiet", "main")
    repository.commit("Go on a fortnight later", "src/pot.py", day=16)
    await take(service, repository)
    assert [one.outcome for one in await stored(service, repository)][3] == "success"

    repository.git("merge", "--quiet", "--no-edit", "mended", day=20)
    assert (await take(service, repository)).updated == 1
    assert [one.outcome for one in await stored(service, repository)][3] == "failure"


async def test_results_of_tests_judge_an_imported_commit_and_importing_again_leaves_that(
    service: LearningService, repository: Repository
) -> None:
    name = repository.commit("Pour without tests", "src/pot.py", day=3)
    await take(service, repository)
    listing = await service.listing(ListExecutions(repo="teapot"))
    (task_id,) = (one.task_id for one in listing.executions if one.commits == [name])
    results = junit.read(write_results(repository.path / "results.xml"))
    judgement = results.judgement(task_id)

    assert (await service.judge(Judge(judgements=[judgement]))).changed == [task_id]
    repository.git("commit", "--quiet", "--allow-empty", "--message=Go on later", day=30)
    await take(service, repository)

    found = (await service.get(GetExecution(task_id=task_id))).execution
    assert (found.outcome, found.outcome_basis) == ("success", "ci")


def write_results(path: Path) -> Path:
    path.write_text('<testsuite timestamp="2026-01-05T10:00:00"><testcase name="a"/></testsuite>')
    return path
