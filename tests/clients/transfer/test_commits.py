"""What each commit teaches: what was changed where, and how it turned out."""

from datetime import timedelta

import pytest
from clients.transfer.repositories import BEGINNING, Repository

from mcp_learning.clients.transfer import commits, git
from mcp_learning.clients.transfer.commit_history import Commit, CommitHistory
from mcp_learning.clients.transfer.imported import Notes


def test_a_commit_becomes_a_task_with_its_words_its_changes_and_its_hash(
    repository: Repository,
) -> None:
    code = "def pour():\n    edge = 'blunt'\n"
    repository.commit("Begin with a blunt edge", "src/spout.py", text=code)
    message = "fix(spout): drips after pouring (#12)\n\nThe edge was blunt."
    (repository.path / "a b.md").write_text("The edge is sharp.\n")
    name = repository.commit(message, "src/spout.py", text=code.replace("blunt", "sharp"))
    task = repository.learn()[-1]
    assert task.task_type == "bug_fix"
    assert task.task_description == "spout: drips after pouring\n\nThe edge was blunt."
    assert task.solution_summary == "Changed src/spout.py (pour), a b.md.\n\nThe edge was blunt."
    assert (task.repo, task.details.file_count) == ("teapot", 2)
    assert (task.details.metadata or {})["commit"] == name


def test_where_something_was_changed_is_no_approach(repository: Repository) -> None:
    for subject in ("fix(lid): the lid jams", "Write about lids", "lid: polish the knob"):
        repository.commit(subject, "src/lid/knob.py", "README.md")
    assert [task.approach for task in repository.learn()] == [None] * 3


def test_a_solution_names_a_few_files_and_functions_code_first(repository: Repository) -> None:
    functions = "".join(f"def step_{number}():\n    ...\n\n\n" for number in range(9))
    paths = [f"src/{letter}.py" for letter in "abcd"]
    repository.commit("Take many steps", "README.md", "tests/test_a.py", *paths, text=functions)
    (task,) = repository.learn()
    told = task.solution_summary or ""
    assert told.startswith("Changed src/a.py (step_0, step_1, step_2, step_3, …), src/b.py (")
    assert told.endswith(" and 1 more files.")
    assert "README.md" not in told


def test_tasks_come_oldest_first_and_only_the_latest_are_read(repository: Repository) -> None:
    for number in range(5):
        repository.commit(f"Take step {number}", "steps.txt")
    told = [task.task_description for task in repository.learn(limit=2)]
    assert told == ["Take step 3", "Take step 4"]


def test_reading_a_history_again_gives_the_same_task_ids(repository: Repository) -> None:
    repository.commit("Boil it once", "a.txt")
    first = [task.task_id for task in repository.learn()]
    repository.commit("Boil it twice", "a.txt")
    assert [task.task_id for task in repository.learn()][:1] == first


def test_without_a_signal_the_outcome_is_pending(repository: Repository) -> None:
    repository.commit("Add a new lid", "src/lid.py")
    repository.commit("Test the lid", "tests/test_lid.py", day=1)
    repository.commit("Describe the lid", "docs/lid.md", "tests/test_docs.py", day=2)
    repository.commit("Go on a year later", "src/lid.py", day=365)
    assert set(repository.outcomes().values()) == {("pending", None)}


def test_code_with_tests_succeeded_and_surely_so_when_it_stood(repository: Repository) -> None:
    repository.commit("Add a new lid", "src/lid.py", "tests/test_lid.py")
    repository.commit("Add a handle", "src/handle.py", "tests/test_handle.py", day=10)
    repository.commit("Go on later", "src/lid.py", day=15)
    found = repository.outcomes()
    assert found["Add a new lid"] == ("success", commits.TESTED_AND_STOOD)
    assert found["Add a handle"] == ("success", commits.TESTED)
    assert {task.details.outcome_basis for task in repository.learn()} == {"git", None}


def test_a_commit_by_a_wrong_clock_makes_no_other_one_older() -> None:
    files = ("src/lid.py", "tests/test_lid.py")
    dates = ("2026-01-01", "9999-12-31", "2026-01-02")
    history = CommitHistory(
        "teapot",
        tuple(
            Commit(f"{n}" * 40, f"{day}T00:00:00Z", f"Add lid {n} to it", "", files)
            for n, day in enumerate(dates)
        ),
    )
    found = [task.details.outcome_confidence for task in commits.executions(history)]
    assert found == [commits.TESTED] * 3


def test_a_reverted_commit_is_a_failure_that_names_its_revert_and_the_reason(
    repository: Repository,
) -> None:
    repository.commit("Start the fire", "a.txt")
    bad = repository.commit("feat: boil twice", "a.txt")
    body = f"This reverts commit {bad}.\n\nIt went dry."
    revert = repository.commit(f'Revert "feat: boil twice"\n\n{body}', "a.txt", day=100)
    start, failed = repository.past()
    assert start.execution.outcome == "pending"
    task = failed.execution
    assert (task.outcome, task.error_type) == ("failure", "quality_gate")
    assert task.error_message == f"Reverted by commit {revert[:12]}: It went dry"
    assert task.solution_summary is None
    assert (task.details.outcome_basis, task.details.outcome_confidence) == ("git", 0.95)
    assert failed.recorded_at == BEGINNING
    assert failed.updated_at is not None
    assert failed.updated_at >= BEGINNING + timedelta(days=100)


def test_reverting_a_revert_makes_the_first_commit_stand_again(repository: Repository) -> None:
    repository.commit("Start the fire", "a.txt")
    repository.commit("Boil it twice", "a.txt")
    repository.git("revert", "--no-edit", "HEAD", day=1)
    (_, before) = repository.past()
    repository.git("revert", "--no-edit", "HEAD", day=2)
    (_, after) = repository.past()
    assert (before.execution.outcome, after.execution.outcome) == ("failure", "pending")
    assert before.updated_at is not None
    assert after.updated_at is not None
    assert after.updated_at > before.updated_at


def test_a_fix_of_the_same_function_that_soon_follows_counts_against_a_commit(
    repository: Repository,
) -> None:
    code = "def boil_water():\n    heat = 1\n"
    changes = [
        ("Boil the water twice", "heat = 2", 0),
        ("Fix the water when it boils dry", "heat = 3", 2),
        ("Pour the water slowly", "heat = 4", 50),
        ("Fix the water that is poured slowly", "heat = 5", 90),
    ]
    for subject, heat, day in changes:
        text = code.replace("heat = 1", heat)
        repository.commit(subject, "src/kettle.py", "tests/test_kettle.py", text=text, day=day)
    boiled, mended, poured, _ = repository.learn()
    assert (boiled.outcome, boiled.details.outcome_confidence) == ("failure", commits.FIXED)
    assert (boiled.error_message or "").endswith(": Fix the water when it boils dry")
    assert (mended.outcome, poured.outcome) == ("success", "success")


def test_what_is_left_out_is_counted_by_its_reason(repository: Repository) -> None:
    subjects = ("Start the fire", "Release 1.2.0", "Bump tea from 1 to 2", "wip", "Boil it twice")
    for subject in subjects:
        repository.commit(subject, "a.txt")
    repository.git("revert", "--no-edit", "HEAD")
    notes = Notes()
    kept = list(commits.past_executions(git.read(repository.path, 100), notes))
    assert [one.execution.task_description for one in kept] == ["Start the fire", "Boil it twice"]
    assert notes.skipped == {
        "is a release, a bump of versions or a merge": 2,
        "says too little in its message": 1,
        "only reverts or fixes another commit": 1,
    }


def test_a_secret_at_the_cut_of_a_message_is_not_left_in_half(repository: Repository) -> None:
    secret = "ghp_" + "a1B2" * 9
    repository.commit(f"Add a lid\n\n{'word ' * 196}{secret} and more words")
    (task,) = repository.learn()
    assert task.task_description.endswith("word [redacted:github-to…")


def test_names_of_people_in_trailers_are_not_learnt(repository: Repository) -> None:
    message = "Pour it\n\nSlowly.\n\nSigned-off-by: Nobody <nobody@example.org>\nChange-Id: I0123"
    repository.commit(message, "a.txt")
    (task,) = repository.learn()
    assert task.task_description == "Pour it\n\nSlowly."


@pytest.mark.parametrize(
    ("committed_at", "reason"), [("99999-01-01T00:00:00Z", "has a time that can't be read")]
)
def test_a_commit_with_a_time_that_can_not_be_read_is_skipped(
    committed_at: str, reason: str
) -> None:
    notes = Notes()
    odd = Commit("ab" * 20, committed_at, "Start the fire", "", ())
    assert list(commits.past_executions(CommitHistory("teapot", (odd,)), notes)) == []
    assert notes.skipped == {reason: 1}


def test_the_sample_has_work_of_many_kinds_and_three_failures() -> None:
    tasks = commits.executions(git.sample())
    assert len(tasks) >= 35
    assert sum(task.outcome == "failure" for task in tasks) == 3
    assert len({task.task_type for task in tasks}) >= 8
    assert len({task.task_id for task in tasks}) == len(tasks)
