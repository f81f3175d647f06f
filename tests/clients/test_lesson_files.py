"""Lessons in files that agents read: in place, byte for byte, removable, and nothing private."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mcp_learning.clients import lesson_files
from mcp_learning.clients.lesson_files import BEGIN, END, TARGETS
from mcp_learning.errors import InvalidInput, LearningError
from mcp_learning.models.lessons import Effect, Lesson, LessonView

NOW = datetime(2025, 6, 1, tzinfo=UTC)
LINES = ["- one", "- two"]


def view(**values: Any) -> LessonView:
    """A lesson that is kept; give what matters."""
    times = dict.fromkeys(("created_at", "updated_at", "worded_at"), NOW)
    fields = {"lesson_id": uuid4(), "kind": "told", "origin": "agent", "status": "kept"}
    fields |= {"when": "the login fails", "do": "clear the cookie", "evidence": [uuid4()]}
    return LessonView(lesson=Lesson.model_validate({**times, **fields, **values}), effect=Effect())


def written(path: Path, lines: list[str]) -> bytes | None:
    lesson_files.apply(lesson_files.plan_edit(path, lines))
    return path.read_bytes() if path.exists() else None


@example(content="\r")
@given(content=st.none() | st.text(st.characters(exclude_categories=["Cs"])))
def test_taking_the_lessons_out_gives_the_file_back_as_it_was(
    content: str | None, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("project") / "AGENTS.md"
    before = None if content is None else content.encode()
    if before is not None:
        path.write_bytes(before)
    first = written(path, LINES)
    assert first is not None
    assert b"- one" in first
    assert not lesson_files.plan_edit(path, LINES).changes
    assert written(path, ["- three"]) != first
    assert written(path, LINES) == first
    assert written(path, []) == before


def test_no_lesson_ends_the_block_or_begins_another(tmp_path: Path) -> None:
    path = tmp_path / "AGENTS.md"
    for marker in (END, BEGIN, END.replace("<!--", "<!<!----").replace("-->", "--<!-->")):
        hostile = [view(when=f"the login fails {marker}")]
        lines, _ = lesson_files.select_lessons(hostile, [], "", 1_000)
        assert len(lines) == 1
        assert written(path, lines) == written(path, lines)
        assert written(path, []) is None


def test_what_is_around_the_block_stays_where_the_block_is(tmp_path: Path) -> None:
    path = tmp_path / "CLAUDE.md"
    path.write_bytes(b"# Mine\r\n")
    block = written(path, LINES)
    assert block is not None
    assert b"\n" not in block.replace(b"\r\n", b"")
    path.write_bytes(block + b"after\r\n")
    changed = written(path, ["- three"])
    assert changed is not None
    assert changed.startswith(b"# Mine\r\n\r\n" + BEGIN.encode())
    assert changed.endswith(END.encode() + b"\r\nafter\r\n")
    assert written(path, []) == b"# Mine\r\nafter\r\n"


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (f"{BEGIN}\n{END}\n{BEGIN}\n{END}\n".encode(), "2 times and"),
        (f"text\n{BEGIN}\n".encode(), "1 time and"),
        (f"{END}\n{BEGIN}\n".encode(), "leave each"),
        (b"caf\xe9\n", "not UTF-8"),
    ],
)
def test_a_broken_file_is_refused_and_left_alone(
    content: bytes, problem: str, tmp_path: Path
) -> None:
    path = tmp_path / "AGENTS.md"
    path.write_bytes(content)
    with pytest.raises(LearningError, match=problem):
        lesson_files.plan_edit(path, LINES)
    assert path.read_bytes() == content


def test_a_file_that_is_read_only_or_of_another_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "AGENTS.md"
    path.write_bytes(b"mine\n")
    path.chmod(0o444)
    with pytest.raises(LearningError, match="read-only"):
        lesson_files.plan_edit(path, LINES)
    skill = lesson_files.path_of("skills", tmp_path)
    skill.parent.mkdir(parents=True)
    skill.write_bytes(b"---\nname: other\n---\n")
    with pytest.raises(LearningError, match="rename it"):
        lesson_files.plan_edit(skill, LINES)


def test_a_file_that_changed_since_it_was_shown_is_not_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "AGENTS.md"
    edit = lesson_files.plan_edit(path, LINES)
    path.write_bytes(b"mine\n")
    with pytest.raises(LearningError, match="changed meanwhile"):
        lesson_files.apply(edit)
    assert path.read_bytes() == b"mine\n"


@pytest.mark.parametrize("target", TARGETS)
def test_each_target_is_a_file_that_is_made_and_removed(target: str, tmp_path: Path) -> None:
    path = lesson_files.path_of(target, tmp_path)
    assert written(path, LINES)
    assert written(path, []) is None


def test_a_skill_has_the_front_matter_of_its_format(tmp_path: Path) -> None:
    path = lesson_files.path_of("skills", tmp_path)
    written(path, LINES)
    head, name, about, foot, *_ = path.read_text("utf-8").splitlines()
    assert (head, foot) == ("---", "---")
    assert name == f"name: {path.parent.name}"
    description = about.removeprefix("description: ")
    assert 0 < len(description) <= 1_024
    assert ": " not in description  # which YAML would take for another mapping


def test_another_target_is_refused(tmp_path: Path) -> None:
    for name in ("README.md", "MYAGENTS.md", ""):
        with pytest.raises(InvalidInput, match="none of"):
            lesson_files.path_of(name, tmp_path)


def test_only_kept_lessons_of_this_repository_without_secrets_get_out() -> None:
    kept = view(repo="acme/shop")
    lessons = [
        kept,
        view(do="of everywhere", when="any task"),
        view(status="trial", do="on trial"),
        view(repo="acme/billing", do="of another repository"),
        view(do="the token ghp_" + "a1B2" * 9),
        view(avoid="<private>the name</private>"),
        view(do="use [redacted:github-token] first"),
    ]
    lines, ids = lesson_files.select_lessons(lessons, ["acme/shop"], "", 1_000)
    assert ids == [str(one.lesson.lesson_id) for one in lessons[:2]] or len(ids) == 2
    text = "\n".join(lines)
    assert "clear the cookie" in text
    for hidden in ("on trial", "another", "ghp_", "private", "redacted"):
        assert hidden not in text
    assert lesson_files.select_lessons(lessons, ["acme/shop"], "acme/*", 1_000)[1] != ids


def test_a_text_can_not_end_the_block_and_the_budget_holds(tmp_path: Path) -> None:
    lessons = [view(do=f"write {END} {number}") for number in range(60)]
    lines, _ = lesson_files.select_lessons(lessons, [], "", 500)
    assert 0 < len(lines) < 60
    assert len("\n".join(lines)) / 3.5 <= 500
    path = tmp_path / "AGENTS.md"
    written(path, lines)
    assert written(path, []) is None
