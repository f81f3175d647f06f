"""Lessons about files: retired with the file, forgotten with the solution that they quote."""

from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from service.examples import LOGIN, record

from mcp_learning.models.lessons import GetLesson, Lesson, ListLessons
from mcp_learning.models.occasions import Occasion
from mcp_learning.models.requests import ForgetExecutions
from mcp_learning.service.learning import LearningService

pytestmark = pytest.mark.anyio


async def about_files(service: LearningService) -> list[Lesson]:
    lessons = [one.lesson for one in (await service.list_lessons(ListLessons())).lessons]
    return [one for one in lessons if one.kind == "file"]


async def test_a_lesson_about_a_file_is_retired_when_the_file_is_gone(
    service: LearningService, tmp_path: Path
) -> None:
    shop = tmp_path / "shop"
    (shop / ".git").mkdir(parents=True)
    (shop / "lock.py").touch()
    for number in range(30):
        path, outcome = ("lock.py", "failure") if number % 2 else ("page.py", "success")
        details = {"files": [{"path": path}]}
        await record(service, f"task {number}", repo="shop", outcome=outcome, details=details)
    (found,) = await about_files(service)

    async def brief(session: str) -> None:
        occasion = {"event": "prompt", "client": "a client", "session": session, "cwd": str(shop)}
        await service.remark(Occasion.model_validate(occasion | {"text": LOGIN}))

    await brief("one")
    assert [one.status for one in await about_files(service)] == [found.status]
    (shop / "lock.py").unlink()
    await brief("two")
    assert [one.status for one in await about_files(service)] == ["retired"]
    detail = await service.get_lesson(GetLesson(lesson_id=str(found.lesson_id)))
    assert (detail.history[-1].by, detail.history[-1].reason) == ("evidence", "its file is gone")


async def test_a_file_that_no_file_system_can_hold_stops_neither_lessons_nor_briefs(
    service: LearningService, tmp_path: Path
) -> None:
    (tmp_path / "shop" / ".git").mkdir(parents=True)
    for number in range(60):
        path = ("x" * 300, "x" * 3_000, "page.py")[number % 3]
        outcome = "success" if path == "page.py" else "failure"
        details = {"metadata": {"files": [path]}}
        await record(service, f"task {number}", repo="shop", outcome=outcome, details=details)
    found = await about_files(service)
    assert [one.key.removeprefix("file:shop:") for one in found] == ["x" * 300]
    occasion = {"event": "prompt", "client": "a client", "session": "s", "text": LOGIN}
    occasion |= {"cwd": str(tmp_path / "shop")}
    await service.remark(Occasion.model_validate(occasion))
    assert [one.status for one in await about_files(service)] == ["retired"]


async def test_a_lesson_about_a_file_goes_with_the_solution_that_it_quotes(
    service: LearningService,
) -> None:
    solution = "Sessions are kept in the vault of Uppsala"

    async def change(path: str, task: int, outcome: str, **values: Any) -> UUID:
        details = {"files": [{"path": path}]}
        given = {"repo": "shop", "outcome": outcome, "details": details, **values}
        return (await record(service, f"task {task}", **given)).task_id

    for number in range(20):
        await change("page.py", number + 2, "success")
        await change("lock.py", number % 2, "failure")
    solved = [await change("page.py", n, "success", solution_summary=solution) for n in range(2)]
    assert [solution in str(one.do) for one in await about_files(service)] == [True]
    await service.forget(ForgetExecutions(task_ids=solved, dry_run=False))
    assert not any(solution in str(one) for one in await service.store.lessons())
