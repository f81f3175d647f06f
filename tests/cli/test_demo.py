"""`mcp-learning demo`, as a process."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from cli.conftest import Invoke, commands_in, started

Demo = Callable[..., Any]


@pytest.fixture
def demo(invoke: Invoke) -> Demo:
    """Runs the command; gives its report."""

    def demo(*arguments: str, **more: str) -> Any:
        done = invoke("demo", "--json", *arguments, **more)
        assert done.exit_code == 0, done.stderr
        return json.loads(done.stdout)

    return demo


def make_repository(path: Path, *messages: str) -> Path:
    path.mkdir(exist_ok=True)
    git = ["git", "-c", "user.name=Nobody", "-c", "user.email=nobody@example.org"]
    subprocess.run([*git, "init", "--quiet"], cwd=path, check=True)
    for message in messages:
        command = [*git, "commit", "--quiet", "--allow-empty", f"--message={message}"]
        subprocess.run(command, cwd=path, check=True)
    return path


class Sample(NamedTuple):
    """A demo outside of a repository, in a home with obstacles, and what was there afterwards."""

    report: Any
    home: Path
    own: Path
    scratch: Path


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Sample:
    """The demo, run once for several tests."""
    directory = tmp_path_factory.mktemp("sample")
    home, own, scratch = (directory / name for name in ("home", "own", "scratch"))
    home.mkdir()
    scratch.mkdir()
    (home / "json.py").write_text("raise SystemExit('taken for the json module')")
    environment = {"TMPDIR": str(scratch), "MCP_LEARNING_DATA_DIR": str(own)}
    environment |= {"MCP_LEARNING_MIN_SIMILARITY": "1.0"}
    done = commands_in(home)("demo", "--json", **environment)
    assert done.returncode == 0, done.stderr
    return Sample(json.loads(done.stdout), home, own, scratch)


def test_outside_of_a_repository_the_sample_is_recorded_and_searched(sample: Sample) -> None:
    report = sample.report
    assert report["source"] == "sample"
    assert report["recorded"] == sum(report["outcomes"].values()) >= 35
    assert report["outcomes"]["failure"] == 6
    assert report["redactions"] == 2  # one secret, in a description and in a solution
    worked, failed, tried, unrelated = report["searches"]
    assert worked["rank"] == 1
    assert failed["rank"] == 1
    assert failed["matches"][0]["error_message"].startswith("Reverted by commit ")
    assert "notification" in worked["query"]  # none of the words of the task
    assert tried["advice"].splitlines()[1].startswith('1. "inject a fake clock"')
    assert unrelated["matches"] == []


def test_the_users_database_is_left_alone_and_nothing_stays_behind(sample: Sample) -> None:
    assert not sample.own.exists()
    assert list(sample.scratch.iterdir()) == []
    assert [file.name for file in sample.home.iterdir()] == ["json.py"]


def test_neither_users_settings_nor_modules_of_the_current_directory_reach_the_demo(
    sample: Sample,
) -> None:
    """With the setting, nothing is similar enough; the module would end the command."""
    assert sample.report["searches"][0]["matches"]


def test_a_given_repository_is_learnt_from(demo: Demo, tmp_path: Path) -> None:
    repository = make_repository(
        tmp_path / "teapot", "fix: the spout drips after pouring", "feat: whistle when it boils"
    )
    report = demo("--repo", str(repository))
    assert (report["source"], report["repo"], report["recorded"]) == ("git", "teapot", 2)
    assert report["task_types"] == {"bug_fix": 1, "feature": 1}
    assert [search["about"] for search in report["searches"]][-1] == "unrelated"


def test_an_excluded_repository_is_not_learnt_from(invoke: Invoke, tmp_path: Path) -> None:
    repository = make_repository(tmp_path / "teapot", *(f"feat: lid {n}" for n in range(12)))
    excluded = {"MCP_LEARNING_EXCLUDED_REPOS": str(repository)}
    done = invoke("demo", "--json", "--repo", str(repository), **excluded)
    assert done.exit_code == 1
    assert "excluded_repos" in done.stderr


def test_the_current_repository_is_learnt_from_when_it_has_commits_enough_and_kept_if_wished(
    invoke: Invoke, demo: Demo, home: Path, tmp_path: Path
) -> None:
    make_repository(home, *(f"Pour cup number {n}" for n in range(12)))
    kept = str(tmp_path / "kept")
    report = demo("--limit", "11", "--data-dir", kept)
    assert (report["source"], report["repo"], report["recorded"]) == ("git", "home", 11)
    done = invoke("stats", "--json", "--data-dir", kept)
    assert json.loads(done.stdout)["totals"]["executions"] == 11


def test_in_a_young_repository_the_sample_is_used_and_it_says_so(
    invoke: Invoke, home: Path
) -> None:
    make_repository(home, "Start the fire", "Go on later")
    done = invoke("demo", COLUMNS="80")
    assert done.exit_code == 0, done.stderr
    said = " ".join(done.stdout.split())
    assert "a sample shipped with the package" in said
    assert "only 2 commits" in said
    assert " score execution task; approach, what worked, or the error " in said  # it is narrow
    assert '1. "inject a fake clock"' in said
    assert "Nothing relevant among" in said
    assert done.stdout.splitlines()[-1].startswith("Next: `mcp-learning install --all`")


@pytest.mark.skipif(sys.platform == "win32", reason="needs a terminal of POSIX")
def test_on_a_terminal_the_viewer_may_ask(home: Path) -> None:
    ours, theirs = os.openpty()
    with started(
        [sys.executable, "-P", "-m", "mcp_learning", "demo"],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        cwd=home,
        env={**os.environ, "HOME": str(home), "COLUMNS": "200"},
    ):
        os.close(theirs)

        def read_until(words: str) -> str:
            read = ""
            while words not in read:
                read += os.read(ours, 4_096).decode(errors="replace")
            return read

        read_until("Your own question")
        os.write(ours, b"the memory of the browser grows\n")
        assert "kiosk" in read_until("Your own question")
        os.write(ours, b"\n")
        read_until("Next: ")
    os.close(ours)


def test_stored_text_is_never_taken_for_markup(invoke: Invoke, tmp_path: Path) -> None:
    repository = make_repository(
        tmp_path / "[bold]pot", "Pour [red]hot[/red] tea into [/nonsense] cups of [link=x]clay"
    )
    done = invoke("demo", "--repo", str(repository))
    assert done.exit_code == 0, done.stderr
    assert "[bold]pot" in done.stdout
    assert "[red]hot[/red] tea into [/nonsense] cups" in done.stdout


def test_a_data_directory_that_cannot_be_used_ends_it_with_the_reason(
    invoke: Invoke, tmp_path: Path
) -> None:
    file = tmp_path / "file"
    file.touch()
    done = invoke("demo", "--data-dir", str(file / "below"))
    assert done.exit_code == 1
    assert done.stderr.startswith("mcp-learning: ")
    assert "MCP_LEARNING_DATA_DIR" in done.stderr


@pytest.mark.parametrize("path", ["missing", "."])
def test_what_is_no_repository_is_refused_in_one_line(
    invoke: Invoke, tmp_path: Path, path: str
) -> None:
    done = invoke("demo", "--repo", path, GIT_CEILING_DIRECTORIES=str(tmp_path))
    assert done.exit_code == 1
    assert done.stderr.startswith("mcp-learning: --repo: ")
    assert len(done.stderr.splitlines()) == 1
