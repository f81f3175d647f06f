"""Whose task it was, and what it leaves: repository, files with commits, commands that worked."""

from pathlib import Path

import pytest
from clients.capture.happening import asked, edited, ran, said, task, tasks

from mcp_learning.clients.capture import traces
from mcp_learning.clients.capture.repositories import repository

ASKED = "Fix the drip of the spout"
PUSHED = "To github.com:me/teapot.git\n   1a2b3c4..5d6e7f8  main -> main"


@pytest.mark.parametrize(
    ("expected", "directory"),
    [
        ("teapot", "/home/user/teapot"),
        ("teapot", "/home/user/teapot/.claude/worktrees/no-drip"),
        ("teapot", "/home/user/teapot-worktrees/no-drip"),
        ("teapot", "/home/user/.cursor/worktrees/teapot/x1y2"),
        ("teapot", "/home/user/.codex/worktrees/8f3a/teapot"),
        ("teapot", "C:\\Users\\user\\teapot"),
        ("", "C:\\WINDOWS\\System32"),
        *(("", one) for one in ("/home/user", "/Users/user/Desktop", "C:\\Users\\user", "/tmp")),
    ],
)
def test_a_directory_that_is_gone_is_named_by_what_its_path_says(
    expected: str, directory: str
) -> None:
    assert repository(task(asked(ASKED, directory), said("Done."))) == expected


@pytest.mark.parametrize(
    ("expected", "directory", "branch"),
    [
        ("teapot", "/home/user/teapot-no-drip", "no-drip"),
        ("teapot", "/home/user/teapot.fix-no-drip", "fix/no-drip"),
        ("teapot", "/home/user/teapot/no-drip", "fix/no-drip"),
        ("teapot", "/home/user/teapot/main", "main"),
        ("teapot-main", "/home/user/teapot-main", "main"),
        ("teapot", "/home/user/teapot", "teapot"),
    ],
)
def test_a_worktree_that_is_named_by_its_branch_belongs_to_its_repository(
    expected: str, directory: str, branch: str
) -> None:
    prompt = asked(ASKED, directory)
    prompt.branch = branch
    assert repository(task(prompt)) == expected


def test_the_remote_of_a_worktree_tells_where_its_path_does_not() -> None:
    directory = "/home/user/worktrees/no-drip"
    remote = "origin\tgit@github.com:me/teapot.git (fetch)"
    found = task(asked(ASKED, directory), ran("git remote -v", remote, cwd=directory))
    assert repository(found) == "teapot"


def test_all_sessions_of_a_worktree_belong_to_its_repository(tmp_path: Path) -> None:
    (tmp_path / "teapot" / ".git" / "worktrees" / "no-drip").mkdir(parents=True)
    worktree = tmp_path / "elsewhere"
    worktree.mkdir()
    git = f"gitdir: {tmp_path}/teapot/.git/worktrees/no-drip\n"
    (worktree / ".git").write_text(git)
    assert repository(task(asked(ASKED, str(worktree)))) == "teapot"


def test_in_a_home_directory_pushes_edits_and_later_directories_tell() -> None:
    home = "/home/user"
    assert repository(task(asked(ASKED, home), ran("git push", PUSHED, cwd=home))) == "teapot"
    assert repository(task(asked(ASKED, home), edited(f"{home}/kettle/lid.py", home))) == "kettle"
    for aside in ("Downloads/a.html", ".claude/settings.json"):
        assert repository(task(asked(ASKED, home), edited(f"{home}/{aside}", home))) == ""
    moved = task(asked(ASKED, home), edited("/home/user/pot/a.py", "/home/user/pot"))
    assert repository(moved) == "pot"
    first, _ = tasks(
        asked(ASKED, home),
        ran("ls", cwd=home),
        said("Why not."),
        asked("Next, mend the lid", home),
        edited("/home/user/pot/a.py", "/home/user/pot"),
    )
    assert repository(first) == "pot"
    remote = "https://github.com/me/samovar.git"
    assert repository(task(asked(ASKED, home), remote=remote)) == "samovar"


def test_a_directory_below_the_one_of_the_session_is_of_the_same_repository() -> None:
    moved = task(asked(ASKED), edited("/home/user/teapot/web/a.js", "/home/user/teapot/web"))
    assert repository(moved) == "teapot"


def test_files_are_told_with_the_commit_that_took_them_in() -> None:
    found = task(
        asked(ASKED),
        edited("spout.py"),
        ran("git commit -am x", "[main 1a2b3c4] fix: drip"),
        edited("lid.py"),
        commit="0f0f0f0",
    )
    assert traces.files(found) == [
        {"path": "spout.py", "commit": "1a2b3c4"},
        {"path": "lid.py", "commit": "0f0f0f0"},
    ]


def test_a_command_that_failed_is_told_with_the_one_that_then_worked() -> None:
    found = task(
        asked(ASKED),
        ran("cd lid && npm run build", "no script: build", 1),
        ran("npm test", "ok"),
        ran("pytest -x", "no module named tea", 2),
        ran("CI=1 npm run make", "built"),
        ran("pytest -x", "ok"),
        ran("git add lid", "fatal: no lid", 128),
        ran("git push", "ok"),
    )
    assert traces.recovered(found) == [
        {
            "failed": "cd lid && npm run build",
            "error": "no script: build",
            "worked": "CI=1 npm run make",
        }
    ]


def test_tests_that_pass_after_an_edit_are_no_recovery_of_the_command() -> None:
    found = task(
        asked(ASKED),
        ran("npm test -- lid", "1 failed", 1),
        ran("docker run pot", "no pot", 1),
        edited("/home/user/teapot/lid.py"),
        ran("npm test", "ok"),
        ran("docker run kettle", "ok"),
    )
    assert [one["failed"] for one in traces.recovered(found)] == ["docker run pot"]


@pytest.mark.parametrize(
    ("failed", "error", "worked"),
    [
        ('cd "the pot" && node a.js', "no lid", 'cd "the pot" && grep lid a.js'),
        ("cd C:\\teapot\nnpm test", "no lid", "cd C:\\teapot\ngit push"),
        ("Set-Location -Path C:\\pot; npm test", "no lid", "Set-Location -Path C:\\pot; ls"),
        ("$p='lid.py'; pytest $p", "no lid", "$p='lid.py'; type $p"),
        ("rg lid", "", "rg pot"),
        ("grep lid a.py", "Exit code 1", "grep pot a.py"),
    ],
)
def test_commands_of_other_programs_and_searches_are_no_recovery(
    failed: str, error: str, worked: str
) -> None:
    assert traces.recovered(task(asked(ASKED), ran(failed, error, 1), ran(worked, "ok"))) == []
