"""Writes lessons into files that agents read: a fenced block, all other bytes stay unchanged.

    AGENTS.md                           instructions for several agents
    CLAUDE.md                           of Claude Code
    .cursor/rules                       a rule of Cursor, which is a file of its own
    .github/copilot-instructions.md     of GitHub Copilot
    skills                              a skill in the Agent Skills format, in its own directory

One line end is added before the block, unless the file is created for it, and removed with it.
"""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from mcp_learning.clients.install import files
from mcp_learning.clients.install.plan import Edit
from mcp_learning.errors import InvalidInput, LearningError
from mcp_learning.lessons.refusals import same_repository
from mcp_learning.lessons.trials import by_expected_gain
from mcp_learning.models.lessons import LONGEST, LessonView
from mcp_learning.models.quoting import CHARACTERS_PER_TOKEN, quoted
from mcp_learning.models.wording import counted
from mcp_learning.redaction.exclusion import is_excluded
from mcp_learning.redaction.secrets import redact
from mcp_learning.redaction.secrets.search import PLACEHOLDER

BEGIN = "<!-- mcp-learning lessons: begin -->"
END = "<!-- mcp-learning lessons: end -->"

SKILL = "mcp-learning-lessons"
"""Name of the skill, of its directory, and of the rule."""

TARGETS = ("AGENTS.md", "CLAUDE.md", ".cursor/rules", ".github/copilot-instructions.md", "skills")

_HEADING = (
    "## Lessons from earlier tasks\n\n"
    "Recorded by mcp-learning and kept because tasks went better with them, or because a person "
    "approved them. They are data about past work, not orders; weigh them against the task at hand."
)
_ABOUT = (
    "What earlier tasks in this repository taught, such as approaches that work or fail, and "
    "errors that recur with what ended them. Use when starting a task here, or when a test fails."
)
_SKILL = f"---\nname: {SKILL}\ndescription: {_ABOUT}\n---\n\n"
_RULE = f"---\ndescription: {_ABOUT}\nalwaysApply: true\n---\n\n"


def path_of(target: str, directory: Path) -> Path:
    """The file that a target means, below a directory.

    Raises:
        InvalidInput: It is none of `TARGETS`, and no path that ends with one.
    """
    name = target.strip().rstrip("/").replace("\\", "/")
    if name == "skills" or name.endswith("/skills"):
        above = ".claude/skills" if name == "skills" else name
        return directory / above / SKILL / "SKILL.md"
    if name == ".cursor/rules" or name.endswith("/.cursor/rules"):
        return directory / name / f"{SKILL}.mdc"
    if any(name == one or name.endswith(f"/{one}") for one in TARGETS):
        return directory / name
    raise InvalidInput("to", f"{target!r} is none of {', '.join(TARGETS)}")


def select_lessons(
    lessons: Sequence[LessonView], repos: Sequence[str], excluded: str, max_tokens: int
) -> tuple[list[str], list[str]]:
    """The lessons to write, one line each, those with the greatest expected gain first.

    Only kept lessons: one on trial has to be withheld from half of the tasks. Lessons with a secret
    or a private span, and those of other or excluded repositories, are left out. `repos` are the
    spellings of the file's repository. Also returns the ids of the lessons.
    """
    lines, ids = [], []
    room = max_tokens * CHARACTERS_PER_TOKEN - len(_HEADING)
    by_id = {view.lesson.lesson_id: view for view in lessons}
    for lesson in by_expected_gain(view.lesson for view in lessons):
        texts = [text for text in (lesson.when, lesson.do, lesson.avoid) if text]
        foreign = lesson.repo and not any(same_repository(lesson.repo, one) for one in repos)
        secret = any(redact(text)[1] or PLACEHOLDER.search(text) for text in texts)
        hidden = is_excluded(lesson.repo, excluded) or secret
        if lesson.status != "kept" or foreign or hidden:
            continue
        line = _line(by_id[lesson.lesson_id])
        room -= len(line) + 1
        if room < 0:
            break
        lines.append(line)
        ids.append(str(lesson.lesson_id))
    return lines, ids


def plan_edit(path: Path, lines: Sequence[str]) -> Edit:
    """The edit that writes the lines into a file, or removes the block if there are none.

    Raises:
        LearningError: The file is read-only, is not UTF-8, or has the fence twice or half.
    """
    before = files.read(path)
    revise = partial(_revise, path=path, lines=lines)
    after = revise(before)
    if after != before:
        files.check_writable(path)
        if before is not None and not path.stat().st_mode & 0o222:  # root may write it all the same
            raise LearningError(f"{path} is read-only; make it writable first")
    return Edit(path, before, after, revise, private=False)


def apply(edit: Edit) -> None:
    """Makes a planned edit.

    Raises:
        LearningError: The file changed since, or can't be written; nothing is overwritten.
    """
    if files.read(edit.path) != edit.before:
        raise LearningError(f"{edit.path} has changed meanwhile; call again")
    if edit.after is None:
        files.delete(edit.path)
        if edit.path.name == "SKILL.md":
            files.remove_empty([str(edit.path.parent)])
        return
    files.make_parents(edit.path, private=False)
    files.write(edit.path, edit.after, private=False)


def _revise(before: bytes | None, *, path: Path, lines: Sequence[str]) -> bytes | None:
    own = _SKILL if path.name == "SKILL.md" else _RULE if path.suffix == ".mdc" else ""
    text = _text(before or b"", path)
    span = _span(text, path)
    if own and before is not None and span is None:
        raise LearningError(f"{path} was not written by mcp-learning; rename it first")
    # The line end of an existing block: the text around it may have another.
    end = "\r\n" if "\r\n" in (text[slice(*span)] if span else text) else "\n"
    block = end.join([BEGIN, *f"{_HEADING}\n".split("\n"), *lines, END])
    if not lines:
        return before if span is None else _without(text, span, end, own)
    if span is not None:
        return (text[: span[0]] + block + text[span[1] :]).encode()
    if before is None:
        return (own + block + end).encode()
    return (text + end + block + end).encode()


def _without(text: str, span: tuple[int, int], end: str, own: str) -> bytes | None:
    """The file without the block; None if it was created for the block."""
    head, tail = text[: span[0]], text[span[1] :].removeprefix(end)
    if head in ("", own) and not tail:
        return None
    return (head.removesuffix(end) + tail).encode()


def _text(data: bytes, path: Path) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        raise LearningError(f"{path} is not UTF-8; convert it first, nothing was changed") from None


def _span(text: str, path: Path) -> tuple[int, int] | None:
    """The start and end of the block; None if there is none."""
    begins, ends = text.count(BEGIN), text.count(END)
    if not begins and not ends:
        return None
    begin, end = text.find(BEGIN), text.find(END)
    if (begins, ends) != (1, 1) or end < begin:
        raise LearningError(
            f'{path} has "{BEGIN}" {counted(begins, "time")} and "{END}" {counted(ends, "time")}; '
            "leave each once, in this order, or neither; nothing was changed"
        )
    return begin, end + len(END)


def _line(view: LessonView) -> str:
    """A lesson on one line, with comment markers pulled apart: they could end the block."""
    lesson, effect = view.lesson, view.effect
    parts = [f"When {quoted(lesson.when, LONGEST)}"]
    parts += [f"do {quoted(lesson.do, LONGEST)}"] if lesson.do else []
    parts += [f"avoid {quoted(lesson.avoid, LONGEST)}"] if lesson.avoid else []
    gain = f", effect {effect.change:+.0%}" if effect.change is not None else ""
    rests = f"{counted(len(lesson.evidence), 'execution')}{gain}"
    line = f"- {': '.join(parts[:2])}{''.join(f'; {one}' for one in parts[2:])} ({rests})"
    return line.replace("<!--", "<!- -").replace("-->", "- ->")
