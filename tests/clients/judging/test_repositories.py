"""What a repository's latest commits say, as the hook asks when a session begins."""

from pathlib import Path

import pytest
from clients.transfer.repositories import Repository
from service.examples import record
from services import open_service

from mcp_learning.clients.judging.repositories import judge_by_latest_commits
from mcp_learning.models.requests import GetExecution
from mcp_learning.settings import Settings

pytestmark = pytest.mark.anyio


async def test_reverted_commits_correct_outcomes_and_what_is_no_repository_says_nothing(
    tmp_path: Path, settings: Settings
) -> None:
    repository = Repository(tmp_path / "teapot")
    made = repository.commit("fix(spout): mend the drip", "spout.py")
    service = open_service(settings)
    try:
        details = {"metadata": {"commits": [made[:7]]}, "outcome_basis": "git"}
        task_id = (await record(service, repo="teapot", details=details)).task_id
        assert await judge_by_latest_commits(service, tmp_path) is None
        before = await judge_by_latest_commits(service, repository.path)
        assert before is not None
        assert before.changed == []
        repository.git("revert", "--no-edit", "HEAD", day=1)
        after = await judge_by_latest_commits(service, repository.path)
        assert after is not None
        assert after.changed == [task_id]
        found = await service.get(GetExecution(task_id=task_id))
        assert found.execution.outcome == "failure"
    finally:
        await service.close()
