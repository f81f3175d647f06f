"""Reading histories from real repositories."""

import sys
from pathlib import Path

import pytest
from clients.transfer.repositories import Repository

from mcp_learning.clients.transfer import git
from mcp_learning.errors import InvalidInput, LearningError
from mcp_learning.redaction import working_copies


def test_merges_are_left_out(repository: Repository) -> None:
    repository.commit("Start the fire", "a.txt")
    repository.git("switch", "--quiet", "--create", "side")
    repository.commit("Step aside", "b.txt")
    repository.git("switch", "--quiet", "main")
    repository.commit("Step ahead", "a.txt")
    repository.git("merge", "--quiet", "--no-edit", "side")
    subjects = {task.task_description for task in repository.learn()}
    assert subjects == {"Start the fire", "Step aside", "Step ahead"}


def test_control_characters_and_broken_text_do_no_harm(repository: Repository) -> None:
    repository.commit("Start the fire", "a.txt")
    message = repository.path / "message"
    message.write_bytes(b"Tea \x1b[31mred\x1b[0m \x07 and \xff\xfe\n\n[bold]body[/bold]\x1e\x1f\n")
    repository.git("commit", "--quiet", "--allow-empty", "--file=message")
    task = repository.learn()[-1]
    assert task.task_description.startswith("Tea red  and ")
    assert task.task_description.endswith("[bold]body[/bold]")


def test_file_names_that_look_like_records_are_just_names(repository: Repository) -> None:
    repository.commit("Some odd names", ":100644 x", "new\nline", "tab\there", "ümlaut")
    repository.commit("What follows", "a.txt")
    odd, following = repository.learn()
    assert odd.details.file_count == 4
    assert following.task_description == "What follows"


def test_a_directory_inside_the_repository_will_do(repository: Repository) -> None:
    repository.commit("Start", "deep/er/a.txt")
    history = git.read(repository.path / "deep" / "er", 10)
    assert (history.name, len(history.commits)) == ("teapot", 1)


def test_a_bare_repository_will_do(repository: Repository, tmp_path: Path) -> None:
    repository.commit("Start the fire", "a.txt")
    bare = tmp_path / "copy.git"
    repository.git("clone", "--quiet", "--bare", ".", str(bare))
    assert git.read(bare, 10).name == "copy"


def test_commits_and_sessions_of_a_directory_have_the_same_repository(
    repository: Repository, tmp_path: Path
) -> None:
    repository.commit("feat(kettle): boil water", "kettle.py")
    around = Repository(tmp_path / "around")
    allowed = ("-c", "protocol.file.allow=always")
    around.git(*allowed, "submodule", "add", "--name", "pot", str(repository.path), "lib/kettle")
    store = tmp_path / "shop" / ".bare"
    repository.git("clone", "--bare", str(repository.path), str(store))
    repository.git("-C", str(store), "worktree", "add", str(tmp_path / "shop" / "main"))

    for place, name in (("around/lib/kettle", "kettle"), ("shop/main", "shop")):
        directory = tmp_path / place
        assert git.read(directory, 1).name == working_copies.name(str(directory)) == name


def test_git_variables_of_a_hook_lead_nowhere_else(
    repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository.commit("Start the fire", "a.txt")
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))
    assert git.read(repository.path, 10).name == "teapot"


def test_of_a_shallow_clone_the_edge_is_left_out(repository: Repository, tmp_path: Path) -> None:
    for number in range(4):
        repository.commit(f"Take step {number}", "a.txt")
    clone = tmp_path / "clone"
    repository.git("clone", "--quiet", "--depth=3", repository.path.as_uri(), str(clone))
    assert [commit.subject for commit in git.read(clone, 10).commits] == [
        "Take step 2",
        "Take step 3",
    ]


def test_a_shallow_clone_of_one_commit_is_refused_with_the_remedy(
    repository: Repository, tmp_path: Path
) -> None:
    for number in range(2):
        repository.commit(f"Take step {number}", "a.txt")
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


def test_functions_are_those_of_the_hunk_headers_and_those_that_are_new(
    repository: Repository,
) -> None:
    pot = "class Pot:\n    def fill(self):\n        n = 1\n    def pour(self):\n        cups = 1\n"
    repository.commit("Make a pot", "src/pot.py", "notes.txt", text=pot)
    more = pot.replace("cups = 1", "cups = 2") + "\n\ndef boil():\n    ...\n"
    repository.commit("Pour two cups, and boil", "src/pot.py", text=more)
    repository.commit("Pour no cups", "src/pot.py", text=more.replace("cups = 2", "cups = 0"))
    made, poured, last = git.read(repository.path, 10).commits
    assert made.functions["src/pot.py"] == ("Pot", "fill", "pour")
    assert set(poured.functions["src/pot.py"]) == {"pour", "boil"}
    assert last.functions == {"src/pot.py": ("pour",)}


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such names")
def test_functions_are_found_in_a_file_whose_name_git_quotes(repository: Repository) -> None:
    name = 'Kännchen "groß"\t.py'
    repository.commit("Make a small pot", name, text="def pour():\n    ...\n")
    (commit,) = git.read(repository.path, 10).commits
    assert commit.functions == {name: ("pour",)}


def test_lines_that_look_like_headers_of_a_difference_are_just_lines(
    repository: Repository,
) -> None:
    odd = "-- a/x\n++ b/evil.py\n@@ -1 +1 @@ def evil():\ndiff --git a/evil.py b/evil.py\n"
    repository.commit("Write odd lines", "odd.txt", text=odd)
    repository.commit("Write them again", "odd.txt", text=odd * 2)
    assert [commit.functions for commit in git.read(repository.path, 10).commits] == [{}, {}]


def test_without_the_contents_the_commits_are_read_all_the_same(
    repository: Repository, tmp_path: Path
) -> None:
    repository.git("config", "uploadpack.allowFilter", "true")
    repository.commit("Make a pot", "pot.py", text="def pour():\n    ...\n")
    clone = tmp_path / "clone"
    address = repository.path.as_uri()
    repository.git("clone", "--quiet", "--bare", "--filter=blob:none", address, str(clone))
    (commit,) = git.read(clone, 10).commits
    assert (commit.files, commit.functions) == (("pot.py",), {})


@pytest.mark.parametrize(
    ("file", "line", "name"),
    [
        ("a.ts", "export const usePot = (cups: number) => {", "usePot"),
        ("a.js", "export default async function pour(cup) {", "pour"),
        ("a.go", "func (p *Pot) Pour(cups int) error {", "Pour"),
        ("a.c", "static const int pour(struct pot *pot)", "pour"),
        ("b.c", "struct cup *fill(struct pot *pot)", "fill"),
        ("a.rs", "pub(crate) fn pour(cups: u8) {", "pour"),
        ("a.md", "## How to pour", "How to pour"),
    ],
)
def test_names_of_functions_are_found_in_many_languages(
    repository: Repository, file: str, line: str, name: str
) -> None:
    body = "".join(f"  step {number};\n" for number in range(9))
    repository.commit("Begin the file", file, text=f"{line}\n{body}}}\n")
    repository.commit("Change a step", file, text=f"{line}\n{body.replace('8', '9')}}}\n")
    assert git.read(repository.path, 10).commits[-1].functions == {file: (name,)}
