"""What changes while lessons are looked for is neither missed, overwritten nor quoted."""

from pathlib import Path
from uuid import UUID

import pytest
from service.examples import LOGIN, Gate, record

from mcp_learning.lessons import recurrences
from mcp_learning.models.lessons import ChangeLesson, Lesson, ListLessons
from mcp_learning.models.occasions import Occasion
from mcp_learning.models.requests import ForgetExecutions
from mcp_learning.service import lesson_book
from mcp_learning.service.learning import LearningService

pytestmark = pytest.mark.anyio

OLD, NEW = UUID(int=1), UUID(int=2)
SOLUTION = "Sessions are kept in the vault of Uppsala"


async def lessons(service: LearningService) -> list[Lesson]:
    return [one.lesson for one in (await service.list_lessons(ListLessons())).lessons]


async def decide_anew(service: LearningService) -> None:
    """Records a decision that replaces that of `OLD`, which makes a lesson that quotes both."""
    details = {"supersedes": str(OLD)}
    await record(service, task_id=NEW, solution_summary=SOLUTION, details=details)


async def forget(service: LearningService, *task_ids: UUID) -> None:
    await service.forget(ForgetExecutions(task_ids=list(task_ids), dry_run=False))


async def test_what_is_recorded_while_lessons_are_looked_for_is_looked_at_next(
    service: LearningService, monkeypatch: pytest.MonkeyPatch
) -> None:
    await record(service, task_id=OLD, solution_summary="Sessions are kept in cookies")
    gate = Gate(recurrences.all_findings)
    monkeypatch.setattr(recurrences, "all_findings", gate)
    await gate.meanwhile(lambda: lessons(service), lambda: decide_anew(service))
    assert [one.kind for one in await lessons(service)] == ["decision"]


async def test_what_is_forgotten_while_lessons_are_looked_for_is_quoted_by_none(
    service: LearningService, monkeypatch: pytest.MonkeyPatch
) -> None:
    await record(service, task_id=OLD, solution_summary="Sessions are kept in cookies")
    await decide_anew(service)
    gate = Gate(recurrences.all_findings)
    monkeypatch.setattr(recurrences, "all_findings", gate)
    found = await gate.meanwhile(lambda: lessons(service), lambda: forget(service, NEW))
    assert found == await lessons(service) == []


async def test_a_person_s_decision_stays_though_files_are_looked_for_meanwhile(
    service: LearningService, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = tmp_path / "shop"
    (shop / ".git").mkdir(parents=True)
    for number in range(30):
        path, outcome = ("lock.py", "failure") if number % 2 else ("page.py", "success")
        details = {"files": [{"path": path}]}
        await record(service, f"task {number}", repo="shop", outcome=outcome, details=details)
    (about,) = await lessons(service)
    gate = Gate(lesson_book.about_missing_files)
    monkeypatch.setattr(lesson_book, "about_missing_files", gate)

    async def brief() -> None:
        occasion = {"event": "prompt", "client": "a client", "session": "one", "cwd": str(shop)}
        await service.remark(Occasion.model_validate(occasion | {"text": LOGIN}))

    async def pin() -> None:
        await service.change_lesson(ChangeLesson(lesson_id=str(about.lesson_id), action="pin"))

    await gate.meanwhile(brief, pin)
    (now,) = await lessons(service)
    assert (now.pinned, now.status) == (True, "kept")
