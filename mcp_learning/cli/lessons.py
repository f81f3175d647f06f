"""`mcp-learning lessons`: what was learned, decisions about it, and the files that agents read."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mcp_learning.cli.options import DataDir, DryRun, Json, Repo, TaskType
from mcp_learning.cli.output import echo, fields_table, format_time, print_facts, print_json
from mcp_learning.cli.running import call, error_text, fail, load_settings, request
from mcp_learning.models.wording import counted

if TYPE_CHECKING:
    from mcp_learning.models.lessons import Effect, LessonDetail
    from mcp_learning.service.protocol import Learning
    from mcp_learning.settings import Settings

DECISIONS = ("approve", "edit", "retire", "pin", "unpin")
ACTIONS = ("list", "show", *DECISIONS, "write")


def lessons(
    action: Annotated[str, typer.Argument(metavar="ACTION", help=", ".join(ACTIONS))] = "list",
    lesson_id: Annotated[
        str, typer.Argument(metavar="LESSON", help="Its id, or the beginning of it")
    ] = "",
    repo: Repo = "",
    task_type: TaskType = "",
    status: Annotated[
        str, typer.Option("--status", help="any, active, candidate, trial, kept or retired")
    ] = "any",
    limit: Annotated[int, typer.Option(min=1, max=1_000, help="Most lessons to list")] = 100,
    when: Annotated[str | None, typer.Option("--when", help="edit: in which tasks")] = None,
    do: Annotated[str | None, typer.Option("--do", help="edit: what to do")] = None,
    avoid: Annotated[str | None, typer.Option("--avoid", help="edit: what not to do")] = None,
    reason: Annotated[str, typer.Option("--reason", help="Why, for the lesson's history")] = "",
    to: Annotated[
        str,
        typer.Option(
            "--to",
            metavar="FILE",
            help="write: AGENTS.md, CLAUDE.md, .cursor/rules, .github/copilot-instructions.md or "
            "skills",
        ),
    ] = "",
    max_tokens: Annotated[
        int, typer.Option(min=200, max=10_000, help="write: budget of all lessons")
    ] = 1_000,
    check: Annotated[
        bool, typer.Option("--check", help="write: exit 1 if the file is not up to date")
    ] = False,
    remove: Annotated[bool, typer.Option("--remove", help="write: take the lessons out")] = False,
    dry_run: DryRun = False,
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """List, show, approve, edit, retire, pin or write what executions taught."""
    if action not in ACTIONS:
        fail(f"ACTION: {action!r} is none of {', '.join(ACTIONS)}", 2)
    if (action in ("show", *DECISIONS)) != bool(lesson_id):
        problem = "can't be used with" if lesson_id else "is required by"
        fail(f"LESSON: {problem} {action}", 2)
    of_write = {"--to": to, "--check": check, "--remove": remove, "--dry-run": dry_run}
    if action != "write" and (stray := [flag for flag, given in of_write.items() if given]):
        fail(f"{stray[0]} can't be used with {action}", 2)
    settings = load_settings(data_dir, needs_database=not remove)
    if action == "list":
        filters = {"repo": repo, "task_type": task_type, "status": status, "limit": limit}
        _list(settings, filters, as_json=json)
    elif action == "write":
        chosen = None if remove else partial(_chosen, settings, repo, max_tokens)
        _write(to, chosen, check=check, dry_run=dry_run, as_json=json)
    else:
        texts = {"when": when, "do": do, "avoid": avoid, "reason": reason}
        _one(settings, action, lesson_id, texts, as_json=json)


def _list(settings: "Settings", filters: dict[str, Any], *, as_json: bool) -> None:
    from mcp_learning.models.lessons import ListLessons

    wanted = request(ListLessons, **filters)
    found = call(settings, lambda learning: learning.list_lessons(wanted), "reading")
    if as_json:
        print_json(found)
        return
    for view in found.lessons:
        lesson = view.lesson
        pinned = ", pinned" if lesson.pinned else ""
        echo(f"{lesson.lesson_id}  {lesson.status}{pinned}, by {lesson.origin}")
        echo(f"    when {lesson.when}")
        for name in ("do", "avoid"):
            if text := getattr(lesson, name):
                echo(f"    {name} {text}")
        if line := _effect(view.effect):
            echo(f"    {line}")
    counts = ", ".join(f"{number} {name}" for name, number in found.counts if number)
    shown = f"{len(found.lessons)} of {counted(found.total, 'lesson')} shown"
    is_filtered = wanted.repo or wanted.task_type
    none = "No lesson passes these filters." if is_filtered else "There are no lessons yet."
    echo(f"{shown} ({counts})." if counts else none)


def _one(
    settings: "Settings", action: str, lesson_id: str, texts: dict[str, Any], *, as_json: bool
) -> None:
    from mcp_learning.models.lessons import ChangeLesson, GetLesson

    names = {"lesson_id": "LESSON", "action": "ACTION"}
    change = None
    if action != "show":
        change = request(ChangeLesson, names, lesson_id=lesson_id, action=action, **texts)
    wanted = request(GetLesson, names, lesson_id=lesson_id)

    async def work(learning: "Learning") -> "LessonDetail":
        if change is None:
            return await learning.get_lesson(wanted)
        return await learning.change_lesson(change)

    detail = call(settings, work, "reading", names)
    if as_json:
        print_json(detail)
        return
    values = detail.lesson.model_dump(exclude={"evidence", "key"})
    values |= {
        name: format_time(values[name]) for name in ("created_at", "updated_at", "worded_at")
    }
    values |= {"effect": _effect(detail.effect), "waiting": detail.effect.waiting or None}
    values["evidence"] = ", ".join(map(str, detail.lesson.evidence))
    print_facts(fields_table(values))
    for line in detail.history:
        why = f": {line.reason}" if line.reason else ""
        echo(f"{format_time(line.changed_at)}  {line.change} by {line.by}{why}")
    for one in detail.showings:
        shown = "shown" if one.shown else "withheld"
        ended = one.outcome or "not ended"
        echo(f"{format_time(one.shown_at)}  {shown}, {ended} {one.task_id or ''}")


def _effect(effect: "Effect") -> str:
    if effect.change is None:
        return ""
    return (
        f"effect {effect.change:+.0%} (90 % interval {effect.change_low:+.0%} to "
        f"{effect.change_high:+.0%}): {effect.shown_success} of {effect.shown} succeeded with it, "
        f"{effect.withheld_success} of {effect.withheld} without"
    )


def _write(
    to: str,
    chosen: Callable[[], tuple[list[str], list[str]]] | None,
    *,
    check: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Writes the lessons that `chosen` returns, with their ids; removes all if it is None."""
    from mcp_learning.clients import lesson_files
    from mcp_learning.errors import InvalidInput, LearningError

    if not to:
        fail(f"--to: name one of {', '.join(lesson_files.TARGETS)}", 2)
    try:
        path = lesson_files.path_of(to, Path.cwd())
        lines, ids = chosen() if chosen else ([], [])
        edit = lesson_files.plan_edit(path, lines)
        difference = edit.difference()
        if not as_json:
            typer.echo(difference, nl=False)
        wanted = edit.changes and not (check or dry_run)
        if wanted:
            lesson_files.apply(edit)
    except LearningError as error:
        fail(error_text(error), 2 if isinstance(error, InvalidInput) else 1)
    report = {"path": str(path), "lessons": ids, "up_to_date": not edit.changes}
    report |= {"changed": wanted, "diff": difference}
    if as_json:
        print_json(report)
    elif not edit.changes:
        empty = "" if ids or not chosen else "; no kept lesson is of here: approve one, or --repo"
        echo(f"{path}: nothing to change{empty}")
    else:
        echo(f"{path}: {'written' if wanted else 'not changed'}")
    if check and edit.changes:
        raise typer.Exit(1)


def _chosen(settings: "Settings", repo: str, max_tokens: int) -> tuple[list[str], list[str]]:
    """The lines to write, and the ids of their lessons."""
    from mcp_learning.clients import lesson_files
    from mcp_learning.models.lessons import ListLessons
    from mcp_learning.redaction import working_copies
    from mcp_learning.redaction.exclusion import refuse_excluded

    here = str(Path.cwd())
    repos = [repo] if repo else working_copies.known_as(here)
    for one in (here, *repos):
        refuse_excluded(one, settings.excluded_repos)

    kept = ListLessons(status="kept", limit=1_000)
    found = call(settings, lambda learning: learning.list_lessons(kept), "reading")
    return lesson_files.select_lessons(found.lessons, repos, settings.excluded_repos, max_tokens)
