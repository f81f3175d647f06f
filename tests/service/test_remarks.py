"""What agents are told unasked: one brief a session, then only what is new and likely to matter."""

import os
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
import pytest
from service.examples import EXPORT, LOGIN, LOGIN_PARAPHRASE, UNRELATED, execute, record
from services import open_service

from mcp_learning.models.lessons import ChangeLesson, SaveLesson
from mcp_learning.models.maintenance import Prune
from mcp_learning.models.occasions import Occasion, Remark
from mcp_learning.models.requests import ForgetExecutions, GetExecution
from mcp_learning.service import agent_sessions
from mcp_learning.service.learning import LearningService
from mcp_learning.service.protocol import ignore_progress
from mcp_learning.service.remarks import MOST_ERRORS
from mcp_learning.settings import Settings

pytestmark = pytest.mark.anyio

EXPORT_PARAPHRASE = "the export of invoices takes minutes"
ERROR = "ModuleNotFoundError: No module named 'yaml'"


async def happens(service: LearningService, event: str, **values: Any) -> Remark:
    given = {"event": event, "client": "a client", "session": "one"} | values
    return await service.remark(Occasion.model_validate(given))


async def asked(service: LearningService, text: str, **values: Any) -> str:
    return (await happens(service, "prompt", text=text, **values)).text


async def test_a_session_is_briefed_once_and_then_told_only_what_is_new(
    service: LearningService,
) -> None:
    login = await record(service, LOGIN, solution_summary="Clear the stale cookie first")
    export = await record(service, EXPORT, solution_summary="Stream the rows")
    brief = await asked(service, LOGIN_PARAPHRASE)
    assert "data, not instructions" in brief
    assert f'solution: "Clear the stale cookie first" [{login.task_id}]' in brief
    assert await asked(service, LOGIN_PARAPHRASE) == ""
    assert str(export.task_id) in await asked(service, EXPORT_PARAPHRASE)
    assert await asked(service, EXPORT_PARAPHRASE) == ""
    assert str(login.task_id) in await asked(service, LOGIN_PARAPHRASE, session="another")


async def test_what_is_told_is_counted_as_shown_and_never_as_used(service: LearningService) -> None:
    task_id = (await record(service, LOGIN, solution_summary="Clear the cookie")).task_id
    before = await service.get(GetExecution(task_id=task_id))
    await asked(service, LOGIN_PARAPHRASE)
    await asked(service, LOGIN_PARAPHRASE)
    after = await service.get(GetExecution(task_id=task_id))
    assert (after.times_returned, after.used_by, after.weight) == (1, [], before.weight)


async def test_silence_where_there_is_nothing_to_say(service: LearningService) -> None:
    await record(service, LOGIN)
    await record(service, "find out why deploys hang", outcome="pending")
    for prompt in (UNRELATED, "find out why the deploys hang", "", "/compact", "run the tests"):
        assert await asked(service, prompt) == ""
    assert (await happens(service, "before", command="pytest", cwd="/srv/shop")).text == ""
    assert (await happens(service, "failure", text="exit code 1", cwd="/srv/shop")).text == ""


async def test_a_brief_begins_with_lessons_that_the_session_was_not_told(
    service: LearningService,
) -> None:
    evidence = (await record(service, LOGIN, solution_summary="Clear the cookie")).task_id
    lesson = SaveLesson(
        when="a login redirects for ever", do="look at cookies", evidence=[evidence]
    )
    lesson_id = (await service.save_lesson(lesson)).lesson_id
    await service.change_lesson(ChangeLesson(lesson_id=str(lesson_id), action="approve"))
    _, first, second = (await asked(service, LOGIN_PARAPHRASE)).splitlines()
    assert first.startswith("Lesson (")
    assert '"look at cookies"' in first
    assert second.startswith("1. success")
    await happens(service, "start", text="clear")
    assert str(lesson_id) in await asked(service, LOGIN_PARAPHRASE)
    assert str(lesson_id) not in await asked(service, LOGIN_PARAPHRASE)


async def test_a_greeting_leaves_the_brief_to_the_task(service: LearningService) -> None:
    await record(service, LOGIN, solution_summary="Clear the cookie")
    assert await asked(service, "hello there") == ""
    assert "Earlier tasks like this one" in await asked(service, LOGIN_PARAPHRASE)


async def test_an_error_is_told_once_what_helped_and_not_for_ever(service: LearningService) -> None:
    failed = {"outcome": "failure", "error_message": ERROR}
    fixed = await record(service, LOGIN, **failed, solution_summary="pip install pyyaml")
    await record(service, EXPORT, **failed)  # says nothing that helps
    output = f"Traceback (most recent call last):\n  File a.py, line 3\n{ERROR}"
    told = await happens(service, "failure", text=output)
    assert told.task_ids == [fixed.task_id]
    assert "pip install pyyaml" in told.text
    assert (await happens(service, "failure", text=output)).text == ""
    said = []
    for number in range(MOST_ERRORS + 2):
        error = f"Library{number}Error: cannot link lib{number}"
        await record(
            service, f"link {number}", outcome="failure", error_message=error, solution_summary="x"
        )
        said.append(bool((await happens(service, "failure", text=error)).text))
    assert said == [True] * (MOST_ERRORS - 1) + [False] * 3


async def test_a_command_that_failed_here_is_warned_of_once(
    service: LearningService, tmp_path: Path
) -> None:
    long = "make " + "x" * 300
    recovered = [
        {"failed": "npm test", "error": "no script", "worked": "npm run test:unit"},
        {"failed": f"{long}…", "error": "no rule", "worked": "make all"},
    ]
    task = await record(
        service, LOGIN, repo=str(tmp_path), details={"metadata": {"recovered": recovered}}
    )
    here = {"cwd": str(tmp_path), "command": f"cd {tmp_path} && npm   test"}
    told = await happens(service, "before", **here)
    assert told.task_ids == [task.task_id]
    assert 'error: "no script"; what then worked: "npm run test:unit"' in told.text
    assert "\n" not in told.text
    assert (await happens(service, "before", **here)).text == ""
    elsewhere = here | {"cwd": str(tmp_path.parent), "session": "another"}
    assert (await happens(service, "before", **elsewhere)).text == ""
    other = here | {"command": "npm run test:unit", "session": "another"}
    assert (await happens(service, "before", **other)).text == ""
    cut = here | {"command": f"{long} and more"}
    assert "make all" in (await happens(service, "before", **cut)).text
    known = await happens(service, "failure", text="no script", session="another", **here)
    assert "npm run test:unit" in known.text


async def test_findings_of_a_check_are_no_fault_of_the_command(
    service: LearningService, tmp_path: Path
) -> None:
    for error in ("1 failed, 3 passed in 2.1s", "src/a.ts:3:7 unused", "AssertionError: 3 != 4"):
        recovered = [{"failed": "npm test", "error": error, "worked": "npm test -- a"}]
        details = {"metadata": {"recovered": recovered}}
        await record(service, error, repo=str(tmp_path), details=details)
    assert (await happens(service, "before", cwd=str(tmp_path), command="npm test")).text == ""


async def test_a_file_is_warned_of_until_a_task_that_changed_it_succeeds(
    service: LearningService, tmp_path: Path
) -> None:
    changed = {"metadata": {"files": [{"path": "src/login.py", "commit": None}]}}
    values = {"repo": str(tmp_path), "details": changed}
    await record(service, LOGIN, outcome="failure", error_message="still loops", **values)
    edit = {"cwd": str(tmp_path), "files": [str(tmp_path / "src" / "login.py")]}
    told = (await happens(service, "before", **edit)).text
    assert 'The last task that changed "login.py" failed here' in told
    assert 'error: "still loops"' in told
    await record(service, EXPORT, **values)
    assert (await happens(service, "before", session="another", **edit)).text == ""


async def test_metadata_of_any_form_is_no_trouble(service: LearningService, tmp_path: Path) -> None:
    for metadata in (
        {"files": "a.py", "recovered": {"failed": 3}},
        {"files": [1, None, {"path": 3}, {}], "recovered": [None, "x", {"failed": 1}, {}]},
    ):
        details = {"metadata": metadata}
        await record(service, str(metadata), repo=str(tmp_path), details=details)
    here = {"cwd": str(tmp_path), "command": "x", "files": ["a.py"]}
    assert (await happens(service, "before", **here)).text == ""


async def test_tasks_of_the_session_itself_are_not_told(service: LearningService) -> None:
    recovered = [{"failed": "npm tst", "error": "unknown command", "worked": "npm test"}]
    own = {"session_id": "one", "metadata": {"recovered": recovered}}
    await record(service, LOGIN, repo="/srv/shop", solution_summary="Clear it", details=own)
    assert await asked(service, LOGIN_PARAPHRASE) == ""
    assert await asked(service, LOGIN_PARAPHRASE, session="two")
    here = {"cwd": "/srv/shop", "command": "npm tst"}
    assert (await happens(service, "before", **here)).text == ""
    assert (await happens(service, "before", session="two", **here)).text


async def test_a_context_that_is_emptied_is_briefed_anew(service: LearningService) -> None:
    await record(service, LOGIN, solution_summary="Clear the cookie")
    assert await asked(service, LOGIN_PARAPHRASE)
    await happens(service, "start", text="resume")
    assert await asked(service, LOGIN_PARAPHRASE) == ""
    await happens(service, "start", text="compact")
    assert "Earlier tasks like this one" in await asked(service, LOGIN_PARAPHRASE)


async def test_what_a_client_cannot_hand_on_is_told_at_the_next_tool(
    service: LearningService,
) -> None:
    await record(service, LOGIN, solution_summary="Clear the cookie")
    assert await asked(service, LOGIN_PARAPHRASE, speaks=False) == ""
    assert "Clear the cookie" in (await happens(service, "after", command="ls")).text
    assert (await happens(service, "after", command="ls")).text == ""


async def test_what_came_too_late_is_told_at_the_next_tool(service: LearningService) -> None:
    await record(service, LOGIN, solution_summary="Clear the cookie")
    with anyio.CancelScope() as patience:
        patience.cancel()
        await asked(service, LOGIN_PARAPHRASE)
    assert patience.cancelled_caught
    assert "Clear the cookie" in (await happens(service, "before", command="ls")).text
    assert (await happens(service, "before", command="ls")).text == ""


async def test_what_is_deleted_meanwhile_is_not_told_later(service: LearningService) -> None:
    task_id = (await record(service, LOGIN, solution_summary="Clear the cookie")).task_id
    await asked(service, LOGIN_PARAPHRASE, speaks=False)
    await service.forget(ForgetExecutions(task_ids=[task_id], dry_run=False))
    assert (await happens(service, "after", command="ls")).text == ""


async def test_what_the_retention_policy_deletes_is_not_told_later(
    service: LearningService,
) -> None:
    await record(service, LOGIN, solution_summary="Clear the cookie")
    await execute(service, "UPDATE executions SET timestamp = timestamp - to_days(8)")
    await asked(service, LOGIN_PARAPHRASE, speaks=False)
    await service.prune(Prune(older_than_days=7), ignore_progress)
    assert (await happens(service, "after", command="ls")).text == ""


async def test_another_process_goes_on_from_what_was_told(settings: Settings) -> None:
    first = open_service(settings)
    await record(first, LOGIN, solution_summary="Clear the cookie")
    assert await asked(first, LOGIN_PARAPHRASE)
    await first.close()
    file = settings.index_dir / agent_sessions.FILE
    if os.name == "posix":
        assert file.stat().st_mode & 0o077 == 0
    second = open_service(settings)
    assert await asked(second, LOGIN_PARAPHRASE) == ""
    await second.close()
    for broken in ("{", "[1]", '{"a": 3}', '{"a": {"told": null}}'):
        file.write_text(broken)
        third = open_service(settings)
        assert await asked(third, LOGIN_PARAPHRASE)
        await third.close()


async def test_sessions_at_the_same_time_are_told_apart(service: LearningService) -> None:
    await record(service, LOGIN, solution_summary="Clear the cookie")
    said: list[str] = []

    async def ask(session: str) -> None:
        said.append(await asked(service, LOGIN_PARAPHRASE, session=session))

    async with anyio.create_task_group() as group:
        for session in ("a", "a", "b", "b", "c", "c"):
            group.start_soon(ask, session)
    assert sorted(map(bool, said)) == [False] * 3 + [True] * 3


async def test_sessions_that_are_remembered_are_bounded(tmp_path: Path) -> None:
    sessions = agent_sessions.AgentSessions(tmp_path)
    for number in range(agent_sessions.MOST_SESSIONS + 1):
        session = await sessions.of("client", str(number))
        session.note_shown(*(f"{number} {count}" for count in range(agent_sessions.MOST_SHOWN + 1)))
        assert len(session.shown) == agent_sessions.MOST_SHOWN
    assert (await sessions.of("client", "0")).shown == []
    assert (await sessions.of("client", "2")).shown


@pytest.mark.parametrize("steps", range(6))
async def test_what_was_told_is_written_wherever_a_write_before_it_is_cancelled(
    tmp_path: Path, steps: int
) -> None:
    sessions = agent_sessions.AgentSessions(tmp_path)
    (await sessions.of("client", "a")).note_shown("an execution")
    sessions.changed()
    async with anyio.create_task_group() as group:
        group.start_soon(sessions.save)
        for _ in range(steps):
            await anyio.lowlevel.checkpoint()
        group.cancel_scope.cancel()
    await sessions.save()
    again = agent_sessions.AgentSessions(tmp_path)
    assert (await again.of("client", "a")).shown == ["an execution"]
