"""Reading histories from real repositories, and what each commit teaches."""

import os
import subprocess
from datetime import datetime
from pathlib import Path

import pytest

from mcp_learning.clients.transfer import commits, git
from mcp_learning.clients.transfer.imported import Notes
from mcp_learning.errors import InvalidInput, LearningError
from mcp_learning.models.requests import RecordExecution


class Repository:
    """A repository with a git that no configuration of the machine reaches."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.mkdir(parents=True, exist_ok=True)
        self.git("init", "--quiet", "--initial-branch=main")

    def git(self, *arguments: str) -> str:
        identity = ("-c", "user.name=Nobody", "-c", "user.email=nobody@example.org")
        environment = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
        done = subprocess.run(
            ["git", *identity, *arguments],
            cwd=self.path,
            env=environment,
            check=True,
            capture_output=True,
            text=True,
        )
        return done.stdout.strip()

    def commit(self, message: str, *paths: str) -> str:
        for path in paths:
            file = self.path / path
            file.parent.mkdir(parents=True, exist_ok=True)
            with file.open("a") as opened:
                opened.write(f"{message}\n")
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", f"--message={message}")
        return self.git("rev-parse", "HEAD")

    def learn(self, limit: int = 100) -> list[RecordExecution]:
        return commits.executions(git.read(self.path, limit))


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path / "teapot")


def metadata(task: RecordExecution) -> dict[str, object]:
    assert task.details.metadata is not None
    return dict(task.details.metadata)


def test_a_commit_becomes_a_task_with_its_words_files_and_hash(repository: Repository) -> None:
    commit = repository.commit(
        "fix(spout): drips after pouring (#12)\n\nThe edge was blunt.", "src/spout.py", "a b.txt"
    )
    (task,) = repository.learn()
    assert task.task_type == "bug_fix"
    assert task.task_description == "drips after pouring\n\nThe edge was blunt."
    assert task.outcome == "success"
    assert task.repo == "teapot"
    assert task.approach == "spout"
    assert task.solution_summary == "Changed a b.txt, src/spout.py."
    assert task.details.file_count == 2
    assert metadata(task)["commit"] == commit


def test_tasks_come_oldest_first_and_only_the_latest_are_read(repository: Repository) -> None:
    for number in range(5):
        repository.commit(f"Step {number}", "steps.txt")
    assert [task.task_description for task in repository.learn(limit=2)] == ["Step 3", "Step 4"]


def test_reading_a_history_again_gives_the_same_task_ids(repository: Repository) -> None:
    repository.commit("Once", "a.txt")
    first = [task.task_id for task in repository.learn()]
    repository.commit("Twice", "a.txt")
    assert [task.task_id for task in repository.learn()][:1] == first


@pytest.mark.parametrize(
    ("subject", "task_type", "description"),
    [
        ("feat: whistle when it boils", "feature", "whistle when it boils"),
        ("feat(lid)!: open by itself", "feature", "open by itself"),
        ("perf: boil faster", "performance", "boil faster"),
        ("docs: how to pour", "docs", "how to pour"),
        ("build: a thinner wall", "build", "a thinner wall"),
        ("ci: weigh it", "ci", "weigh it"),
        ("chore: polish", "chore", "polish"),
        ("refactor: two lids in one", "refactor", "two lids in one"),
        ("test: pour in the dark", "test", "pour in the dark"),
        ("Fix the handle", "bug_fix", "Fix the handle"),
        ("Add a second spout", "feature", "Add a second spout"),
        ("Add tests of the lid", "test", "Add tests of the lid"),
        ("Rename the knob", "refactor", "Rename the knob"),
        ("lid: fix the hinge", "bug_fix", "lid: fix the hinge"),
        ("Make it round", "change", "Make it round"),
    ],
)
def test_the_kind_comes_from_the_prefix_or_else_from_the_words(
    repository: Repository, subject: str, task_type: str, description: str
) -> None:
    repository.commit(subject, "a.txt")
    (task,) = repository.learn()
    assert (task.task_type, task.task_description) == (task_type, description)


@pytest.mark.parametrize(
    ("paths", "approach"),
    [
        (("src/kettle/a.py", "src/kettle/b.py", "docs/x.md", "docs/y.md", "docs/z.md"), "kettle"),
        (("docs/x.md",), "docs"),
        (("README.md",), "README.md"),
        ((), None),
    ],
)
def test_without_a_scope_the_approach_is_the_part_that_changed_most(
    repository: Repository, paths: tuple[str, ...], approach: str | None
) -> None:
    repository.commit("Shape it", *paths)
    (task,) = repository.learn()
    assert task.approach == approach


def test_a_reverted_commit_is_a_failure_that_names_its_revert_and_the_reason(
    repository: Repository,
) -> None:
    repository.commit("Start", "a.txt")
    bad = repository.commit("feat: boil twice", "a.txt")
    revert = repository.commit(
        f'Revert "feat: boil twice"\n\nThis reverts commit {bad}.\n\nIt went dry.', "a.txt"
    )
    start, failed = repository.learn()
    assert start.outcome == "success"
    assert (failed.outcome, failed.error_type) == ("failure", "quality_gate")
    assert failed.error_message == f"Reverted by commit {revert[:12]}: It went dry"
    assert failed.solution_summary is None


def test_git_revert_itself_is_understood(repository: Repository) -> None:
    repository.commit("Start", "a.txt")
    repository.commit("Boil twice", "a.txt")
    repository.git("revert", "--no-edit", "HEAD")
    assert [task.outcome for task in repository.learn()] == ["success", "failure"]


def test_a_revert_without_a_hash_means_the_latest_commit_with_the_subject(
    repository: Repository,
) -> None:
    for _ in range(2):
        repository.commit("Boil twice", "a.txt")
    repository.commit('Revert "Boil twice"', "a.txt")
    assert [task.outcome for task in repository.learn()] == ["success", "failure"]


def test_reverting_a_revert_makes_the_first_commit_a_success_again(repository: Repository) -> None:
    repository.commit("Start", "a.txt")
    repository.commit("Boil twice", "a.txt")
    repository.git("revert", "--no-edit", "HEAD")
    repository.git("revert", "--no-edit", "HEAD")
    assert [task.outcome for task in repository.learn()] == ["success", "success"]


def test_a_revert_of_an_unknown_commit_is_no_task(repository: Repository) -> None:
    repository.commit("Start", "a.txt")
    repository.commit(f'Revert "Long ago"\n\nThis reverts commit {"ab" * 20}.', "a.txt")
    assert [task.task_description for task in repository.learn()] == ["Start"]


def test_merges_are_left_out(repository: Repository) -> None:
    repository.commit("Start", "a.txt")
    repository.git("switch", "--quiet", "--create", "side")
    repository.commit("Aside", "b.txt")
    repository.git("switch", "--quiet", "main")
    repository.commit("Ahead", "a.txt")
    repository.git("merge", "--quiet", "--no-edit", "side")
    subjects = {task.task_description for task in repository.learn()}
    assert subjects == {"Start", "Aside", "Ahead"}


def test_a_secret_at_the_cut_of_a_message_is_not_left_in_half(repository: Repository) -> None:
    secret = "ghp_" + "a1B2" * 9
    repository.commit(f"Add a lid\n\n{'word ' * 196}{secret} and more words")
    (task,) = repository.learn()
    assert task.task_description.endswith("word [redacted:github-to…")


def test_names_of_people_in_trailers_are_not_learnt(repository: Repository) -> None:
    message = "Pour\n\nSlowly.\n\nSigned-off-by: Nobody <nobody@example.org>\nChange-Id: I0123"
    repository.commit(message, "a.txt")
    (task,) = repository.learn()
    assert task.task_description == "Pour\n\nSlowly."


def test_control_characters_and_broken_text_do_no_harm(repository: Repository) -> None:
    repository.commit("Start", "a.txt")
    message = repository.path / "message"
    message.write_bytes(b"Tea \x1b[31mred\x1b[0m \x07 and \xff\xfe\n\n[bold]body[/bold]\x1e\x1f\n")
    repository.git("commit", "--quiet", "--allow-empty", "--file=message")
    task = repository.learn()[-1]
    assert task.task_description.startswith("Tea red  and ")
    assert task.task_description.endswith("[bold]body[/bold]")


def test_file_names_that_look_like_records_are_just_names(repository: Repository) -> None:
    repository.commit("Odd names", ":100644 x", "new\nline", "tab\there", "ümlaut")
    repository.commit("Next", "a.txt")
    odd, following = repository.learn()
    assert odd.details.file_count == 4
    assert following.task_description == "Next"


def test_a_directory_inside_the_repository_will_do(repository: Repository) -> None:
    repository.commit("Start", "deep/er/a.txt")
    history = git.read(repository.path / "deep" / "er", 10)
    assert (history.name, len(history.commits)) == ("teapot", 1)


def test_a_bare_repository_will_do(repository: Repository, tmp_path: Path) -> None:
    repository.commit("Start", "a.txt")
    bare = tmp_path / "copy.git"
    repository.git("clone", "--quiet", "--bare", ".", str(bare))
    assert git.read(bare, 10).name == "copy"


def test_git_variables_of_a_hook_lead_nowhere_else(
    repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository.commit("Start", "a.txt")
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))
    assert git.read(repository.path, 10).name == "teapot"


def test_of_a_shallow_clone_the_edge_is_left_out(repository: Repository, tmp_path: Path) -> None:
    for number in range(4):
        repository.commit(f"Step {number}", "a.txt")
    clone = tmp_path / "clone"
    repository.git("clone", "--quiet", "--depth=3", repository.path.as_uri(), str(clone))
    assert [commit.subject for commit in git.read(clone, 10).commits] == ["Step 2", "Step 3"]


def test_a_shallow_clone_of_one_commit_is_refused_with_the_remedy(
    repository: Repository, tmp_path: Path
) -> None:
    for number in range(2):
        repository.commit(f"Step {number}", "a.txt")
    clone = tmp_path / "clone"
    repository.git("clone", "--quiet", "--depth=1", repository.path.as_uri(), str(clone))
    with pytest.raises(InvalidInput, match=r"^repo: .*git fetch --unshallow"):
        git.read(clone, 10)


def test_an_empty_repository_is_refused(repository: Repository) -> None:
    with pytest.raises(InvalidInput, match=r"^repo: .*no commits yet"):
        git.read(repository.path, 10)


def test_a_directory_without_a_repository_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"^repo: .*is not a git repository"):
        git.read(tmp_path, 10)


def test_a_path_that_is_no_directory_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"^repo: .*is not a directory"):
        git.read(tmp_path / "missing", 10)


def test_without_the_git_program_the_error_says_so(
    repository: Repository, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(LearningError, match="git is not installed"):
        git.read(repository.path, 10)


def test_the_sample_has_work_of_many_kinds_and_three_failures() -> None:
    tasks = commits.executions(git.sample())
    assert len(tasks) >= 35
    assert sum(task.outcome == "failure" for task in tasks) == 3
    assert len({task.task_type for task in tasks}) >= 8
    assert len({task.task_id for task in tasks}) == len(tasks)


def test_imported_commits_have_their_times_and_a_revert_is_a_later_change(
    repository: Repository,
) -> None:
    repository.commit("Start", "a.txt")
    repository.commit("Boil twice", "a.txt")
    before = list(commits.past(git.read(repository.path, 10), Notes()))
    repository.git("revert", "--no-edit", "HEAD")
    history = git.read(repository.path, 10)
    start, failed = commits.past(history, Notes())
    assert [one.task_id for one in before] == [start.task_id, failed.task_id]
    assert start.updated_at is None
    assert start.recorded_at == datetime.fromisoformat(history.commits[0].committed_at)
    assert (before[1].execution.outcome, failed.execution.outcome) == ("success", "failure")
    assert failed.updated_at is not None
    assert failed.updated_at >= failed.recorded_at


def test_a_commit_with_a_time_that_can_not_be_read_is_skipped() -> None:
    notes = Notes()
    odd = commits.Commit("ab" * 20, "99999-01-01T00:00:00Z", "Start", "", ())
    assert list(commits.past(commits.CommitHistory("teapot", (odd,)), notes)) == []
    assert notes.skipped == {"has a time that can't be read": 1}
