"""Nothing of an excluded repository is stored, however it is written and whichever way it comes."""

import json
import os
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import pytest
from clients.transcripts.sessions import codex_start
from service.examples import LOGIN, all_bytes, query, record
from services import open_service

from mcp_learning.clients.capture import recording
from mcp_learning.clients.sources import sources
from mcp_learning.clients.transfer.imported import Notes
from mcp_learning.cluster.connect import connect
from mcp_learning.errors import InvalidInput
from mcp_learning.models.lessons import ChangeLesson, LessonsFor, SaveLesson
from mcp_learning.models.requests import GetExecution, SubmitFeedback
from mcp_learning.models.transfer import ImportBatch, PastExecution, PastValues
from mcp_learning.redaction import working_copies
from mcp_learning.redaction.exclusion import is_excluded, refuse_excluded
from mcp_learning.service import importing
from mcp_learning.service.learning import LearningService
from mcp_learning.service.protocol import Learning
from mcp_learning.settings import Settings
from mcp_learning.store import open_store

SECRET = "xyzzysecret"
HOME = os.path.expanduser("~")  # noqa: PTH111


def past(number: int, text: str = LOGIN, repo: str | None = None, *known_as: str) -> PastExecution:
    return PastExecution(
        task_id=UUID(int=number),
        recorded_at=datetime(2025, 1, 1, tzinfo=UTC),
        execution=PastValues(
            task_type="bug_fix", task_description=text, outcome="success", repo=repo
        ),
        repo_known_as=list(known_as),
    )


@pytest.mark.parametrize(
    ("repo", "excluded", "refused"),
    [
        ("acme/payroll", "acme/payroll", True),
        ("Acme/Payroll", "acme/payroll", True),
        ("https://github.com/acme/payroll.git", "acme/payroll", True),
        ("git@github.com:acme/payroll.git", "acme/payroll", True),
        ("ssh://git@example.com:2222/acme/payroll", "acme/payroll", True),
        ("https://github.com/acme/payroll/tree/main", "acme/payroll", True),
        ("https://github.com/acme/payroll?x", "acme/payroll", True),
        ("https://github.com/acme/payroll#y", "acme/payroll", True),
        ("github.com/acme/payroll", "acme/payroll", True),
        ("/home/me/src/acme/payroll/", "acme/payroll", True),
        ("/srv/acme/payroll/sub/deep", "acme/payroll", True),
        ("/srv/acme/payroll/sub", "/srv/acme/payroll/", True),
        ("/srv//acme/./payroll/../payroll", "/srv/acme/payroll", True),
        ("file:///srv/acme/payroll", "/srv/acme/payroll", True),
        ("/srv/acme/payroll/.claude/worktrees/fix", "/srv/acme/payroll", True),
        ("/srv/acme/payroll/sub", "/srv/*/payroll", True),
        ("/srv/acme/payroll", "https://github.com/acme/payroll", True),
        ("C:\\src\\payroll", "payroll", True),
        ("c:/SRC/payroll/sub", "C:\\src\\payroll", True),
        ("~/acme/payroll", f"{HOME}/acme/payroll", True),
        (f"{HOME}/acme/payroll/sub", "~/acme/payroll", True),
        (f"{HOME}/acme/payroll", "~/acme/*", True),
        ("./payroll", "payroll", True),
        ("acme/payroll/sub", "acme/payroll", True),
        ("acme/payroll", "shop, acme/*", True),
        ("/home/me/clients/one", "/home/me/clients/*", True),
        ("acme/payroll", "payroll", True),
        ("payroll", "acme/payroll", True),
        ("acme/payroll", "https://github.com/acme/payroll/tree/main?x=y#z", True),
        ("acme/payroll", "git@github.com:acme/payroll.git", True),
        ("acme/payroll", "github.com/acme/*", True),
        ("git@github.com:acme/payroll", "https://github.com/acme/pay?oll", True),
        ("acme/cafe\u0301", "acme/café", True),
        ("/srv/acme/CAFÉ/sub", "/srv/acme/cafe\u0301", True),
        ("acme/pay\u200broll", "acme/payroll", True),
        ("/srv/[a]/b", "/srv/[a]/*", True),
        ("/srv/a/b", "/srv/[a]/*", False),
        ("acme/payroll-tools", "acme/payroll", False),
        ("/srv/acme/payroll2", "/srv/acme/payroll", False),
        ("other/payroll", "acme/payroll", False),
        ("/home/me/payroll", "acme/payroll", False),
        ("gitlab.com/acme/payroll", "github.com/acme/payroll", False),
        ("gitlab.com/acme/payroll", "github.com/acme/*", False),
        ("acme/shop", "acme/payroll,,", False),
        ("acme/shop", "", False),
        (None, "*", False),
    ],
)
def test_a_repository_is_excluded_under_all_its_spellings(
    repo: str | None, excluded: str, refused: bool
) -> None:
    assert is_excluded(repo, excluded) == refused
    if not refused:
        refuse_excluded(repo, excluded)
        return
    with pytest.raises(InvalidInput, match="nothing was stored"):
        refuse_excluded(repo, excluded)


def git(directory: Path, *arguments: str) -> None:
    identity = ("-c", "user.name=Nobody", "-c", "user.email=nobody@example.org")
    environment = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    command = ["git", *identity, *arguments]
    subprocess.run(command, cwd=directory, env=environment, check=True, capture_output=True)


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A repository in a directory of another name, with a remote and a subdirectory."""
    path = tmp_path / "src" / "wages"
    (path / "sub").mkdir(parents=True)
    git(path, "init", "--quiet")
    git(path, "commit", "--quiet", "--allow-empty", "--message=Start to pay wages")
    git(path, "remote", "add", "upstream", "git@github.com:Acme/Payroll.git")
    return path


@pytest.fixture
def worktree(clone: Path, tmp_path: Path) -> Path:
    git(clone, "worktree", "add", "--quiet", str(tmp_path / "elsewhere"))
    return tmp_path / "elsewhere"


def excluded_by(path: Path) -> list[str]:
    return ["acme/payroll", "https://github.com/acme/payroll", str(path), "*/src/wages", "wages"]


def test_a_directory_is_known_by_its_repository_and_the_remotes(clone: Path) -> None:
    for directory in (clone, clone / "sub", clone / "sub" / "gone"):
        for excluded in excluded_by(clone):
            assert is_excluded(str(directory), excluded), excluded
        assert not is_excluded(str(directory), "other/payroll, /srv/src/wages, wage")


def test_a_worktree_is_known_by_the_repository_that_it_belongs_to(
    worktree: Path, clone: Path
) -> None:
    for excluded in (*excluded_by(clone), str(worktree), "elsewhere"):
        assert is_excluded(str(worktree), excluded), excluded
    assert working_copies.name(str(worktree)) == "wages"
    assert working_copies.main_directory(str(worktree)) == clone


def test_a_worktree_whose_record_is_gone_still_belongs_to_its_repository(
    worktree: Path, clone: Path
) -> None:
    for file in sorted((clone / ".git" / "worktrees").rglob("*"), reverse=True):
        file.unlink() if file.is_file() else file.rmdir()
    (clone / ".git" / "worktrees").rmdir()
    assert working_copies.name(str(worktree)) == "wages"
    assert is_excluded(str(worktree), "acme/payroll")


@pytest.mark.parametrize(
    ("directory", "name"),
    [
        ("/gone/acme/shop/.claude/worktrees/fix", "shop"),
        ("/gone/acme/shop/worktrees/fix/src", "shop"),
        ("/gone/acme/shop/.git/worktrees/fix", "shop"),
        ("C:\\gone\\shop\\.claude\\worktrees\\fix", "shop"),
        ("/home/me/worktrees/shop", "shop"),
        ("/gone/acme/shop/", "shop"),
        ("C:\\gone\\shop", "shop"),
        ("//server/share/shop", "shop"),
        ("", ""),
    ],
)
def test_a_directory_that_is_gone_has_the_name_that_its_path_tells(
    directory: str, name: str
) -> None:
    assert working_copies.name(directory) == name


def test_a_submodule_is_its_own_repository_and_part_of_the_one_around_it(
    clone: Path, tmp_path: Path
) -> None:
    outer = tmp_path / "outer"
    outer.mkdir()
    git(outer, "init", "--quiet")
    allowed = ("-c", "protocol.file.allow=always")
    git(outer, *allowed, "submodule", "--quiet", "add", str(clone), "inner")
    assert working_copies.name(str(outer / "inner")) == "inner"
    for excluded in ("outer", "inner", str(outer), str(clone)):
        assert is_excluded(str(outer / "inner"), excluded), excluded


def test_a_link_leads_to_what_it_links_to_and_is_a_name_itself(clone: Path, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(clone)
    assert is_excluded(str(link), str(clone))
    assert is_excluded(str(clone), str(link))
    assert is_excluded(str(link), "link")
    inside = tmp_path / "inside"
    inside.symlink_to(clone / "sub")
    assert working_copies.name(str(inside)) == "wages"
    assert is_excluded(str(inside), "acme/payroll")


def test_a_relative_path_begins_where_the_process_works(
    clone: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(clone / "sub")
    for repo in (".", "..", "./", "../sub"):
        assert is_excluded(repo, "acme/payroll"), repo


def test_files_of_git_that_are_none_are_not_waited_for(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    for name in ("config", "commondir"):
        os.mkfifo(tmp_path / ".git" / name)
    assert not is_excluded(str(tmp_path), "acme/payroll")


@pytest.mark.anyio
async def test_nothing_of_an_excluded_repository_is_stored(settings: Settings, clone: Path) -> None:
    first = open_service(settings)
    earlier = (await record(first, LOGIN, repo="acme/payroll")).task_id
    await first.close()
    service = LearningService(
        settings.model_copy(update={"excluded_repos": "acme/payroll"}), open_store(settings)
    )

    async def update(task_id: UUID) -> None:
        await record(service, SECRET, task_id=task_id)

    for attempt in (
        record(service, SECRET, repo="acme/payroll"),
        record(service, SECRET, repo=str(clone / "sub")),
        record(service, SECRET, repo="https://github.com/acme/payroll", task_id=UUID(int=5)),
        update(earlier),
        service.feedback(SubmitFeedback(task_id=earlier, comment=SECRET).identified()),
    ):
        with pytest.raises(InvalidInput, match="excluded_repos"):
            await attempt
    await record(service, LOGIN, repo="acme/shop")
    assert len(await query(service, "FROM executions")) == 2
    await service.close()
    assert SECRET.encode() not in all_bytes(settings.data_dir)


@pytest.mark.anyio
async def test_no_task_of_an_excluded_repository_is_noted_for_the_lessons_that_it_was_shown(
    settings: Settings, clone: Path
) -> None:
    mine = settings.model_copy(update={"excluded_repos": "acme/payroll"})
    service = open_service(mine)
    evidence = [(await record(service, LOGIN)).task_id]
    lesson = SaveLesson(when=LOGIN, do="clear the stale cookie", evidence=evidence)
    saved = await service.save_lesson(lesson)
    await service.change_lesson(ChangeLesson(lesson_id=str(saved.lesson_id), action="approve"))
    told = f"{LOGIN} {SECRET}"
    address = ("git@github.com:acme/payroll.git",)
    for repo, known_as in (("acme/payroll", ()), (str(clone / "sub"), ()), ("wages", address)):
        request = LessonsFor(task_description=told, repo=repo, known_as=known_as, session_id=repo)
        assert len((await service.lessons_for(request)).lessons) == 1
    assert (await service.lessons_for(LessonsFor(task_description=told, repo="acme/shop"))).lessons
    await service.close()
    again = open_service(mine)
    assert await query(again, "SELECT repo FROM lesson_showings") == [("acme/shop",)]
    await again.close()


@pytest.mark.anyio
async def test_an_import_leaves_out_what_is_excluded_under_any_of_its_names(
    settings: Settings,
) -> None:
    mine = settings.model_copy(update={"excluded_repos": "acme/payroll"})
    service = open_service(mine)
    records = [
        past(1, SECRET, "acme/payroll"),
        past(2, SECRET, "wages", "/srv/wages", "git@github.com:acme/payroll.git"),
        past(3, SECRET, "sub", "/srv/acme/payroll/sub"),
        past(4, LOGIN, "acme/shop"),
        past(5, LOGIN, "payroll", "/home/me/payroll", "git@github.com:other/payroll.git"),
    ]
    for dry_run in (True, False):
        done = await service.import_batch(ImportBatch(records=records, dry_run=dry_run))
        assert (done.created, done.excluded) == (2, 3)
    stored = (await service.get(GetExecution(task_id=UUID(int=5)))).execution
    assert stored.repo == "payroll"
    await service.close()
    assert SECRET.encode() not in all_bytes(settings.data_dir)


@pytest.mark.anyio
async def test_an_import_changes_nothing_of_what_is_stored_of_an_excluded_repository(
    settings: Settings,
) -> None:
    first = LearningService(settings, open_store(settings))
    await first.import_batch(ImportBatch(records=[past(1, LOGIN, "acme/payroll")]))
    await first.close()
    mine = settings.model_copy(update={"excluded_repos": "acme/payroll"})
    service = LearningService(mine, open_store(mine))
    later = past(1, SECRET).model_copy(update={"updated_at": datetime(2026, 1, 1, tzinfo=UTC)})
    done = await service.import_batch(ImportBatch(records=[later]))
    assert (done.updated, done.excluded) == (0, 1)
    await service.close()
    assert SECRET.encode() not in all_bytes(settings.data_dir)


@asynccontextmanager
async def leading(settings: Settings) -> AsyncIterator[Learning]:
    """A process that leads, before any other asks."""
    async with connect(settings) as leader:
        await leader.health()
        yield leader


@pytest.mark.anyio
async def test_what_a_follower_excludes_counts_in_every_call_whatever_the_leader_s_list(
    settings: Settings, clone: Path
) -> None:
    mine = settings.model_copy(update={"excluded_repos": "acme/payroll"})
    async with leading(settings) as leader, connect(mine) as follower:
        earlier = (await record(leader, LOGIN, repo="https://github.com/acme/payroll")).task_id
        for attempt in (
            record(follower, SECRET, repo="acme/payroll"),
            record(follower, SECRET, repo=str(clone)),
            record(follower, SECRET, task_id=earlier),
            follower.feedback(SubmitFeedback(task_id=earlier, comment=SECRET).identified()),
        ):
            with pytest.raises(InvalidInput, match="excluded_repos"):
                await attempt
        batch = ImportBatch(records=[past(1, SECRET, "Acme/Payroll"), past(2, LOGIN, "acme/shop")])
        done = await follower.import_batch(batch)
        assert (done.created, done.excluded) == (1, 1)
        assert (await leader.import_batch(batch)).created == 1, "the leader's own list is empty"
        assert (await leader.health()).rows == 3


@pytest.mark.anyio
async def test_what_a_leader_excludes_counts_in_the_calls_of_followers(settings: Settings) -> None:
    theirs = settings.model_copy(update={"excluded_repos": "acme/payroll"})
    async with leading(theirs), connect(settings) as follower:
        with pytest.raises(InvalidInput, match="excluded_repos"):
            await record(follower, LOGIN, repo="acme/payroll")
        done = await follower.import_batch(ImportBatch(records=[past(1, SECRET, "acme/payroll")]))
        assert (done.created, done.excluded) == (0, 1)


def session(path: Path, cwd: Path) -> Path:
    """A session of Claude Code, in which something was done in a directory."""
    asked = {"role": "user", "content": f"{LOGIN} {SECRET}"}
    used = [{"type": "tool_use", "id": "t", "name": "Edit", "input": {"file_path": "/a"}}]
    lines = [
        {"type": "user", "uuid": "one", "cwd": str(cwd), "message": asked},
        {"type": "assistant", "message": {"role": "assistant", "content": used}},
    ]
    timed = ({**line, "timestamp": f"2026-01-02T03:04:0{n}Z"} for n, line in enumerate(lines))
    path.write_text("".join(json.dumps(line) + "\n" for line in timed))
    return path


@pytest.mark.parametrize("excluded", ["acme/payroll", "wages", "{clone}", "~/nothing, {clone}/sub"])
def test_a_hook_records_nothing_of_an_excluded_repository(
    excluded: str, clone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MCP_LEARNING_EXCLUDED_REPOS", excluded.format(clone=clone))
    transcript = session(tmp_path / "session.jsonl", clone / "sub")
    payload = {"transcript_path": str(transcript)}
    done = recording.record("claude-code", payload, tmp_path / "data")
    assert done == "nothing recorded: the repository is excluded"
    assert SECRET.encode() not in all_bytes(tmp_path / "data")


@pytest.mark.parametrize("excluded", ["acme/payroll", "{clone}"])
def test_importers_tell_by_what_names_a_repository_is_known(
    excluded: str, clone: Path, worktree: Path, tmp_path: Path
) -> None:
    session(tmp_path / "sessions.jsonl", worktree)
    found = [
        *sources(10)["git"].read(clone / "sub", Notes()),
        *sources(10)["claude-code"].read(tmp_path / "sessions.jsonl", Notes()),
    ]
    assert [one.execution.repo for one in found] == ["wages", "wages"]
    assert importing.kept(found, excluded.format(clone=clone)) == []
    assert importing.kept(found, "other/payroll") == found


def test_a_session_of_codex_is_known_by_the_address_that_it_names(tmp_path: Path) -> None:
    asked = {"type": "user_message", "message": LOGIN}
    lines = [
        codex_start(),  # its repository is me/teapot
        {"type": "event_msg", "timestamp": "2026-01-02T03:04:05Z", "payload": asked},
    ]
    path = tmp_path / "rollout-1.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    found = list(sources(10)["codex"].read(path, Notes()))
    assert len(found) == 1
    assert importing.kept(found, "me/teapot") == []
