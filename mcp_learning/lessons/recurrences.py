"""Lessons about failures, commands, files and decisions that recur, and what fixed them.

A fix counts if it is the solution of several tasks, or if it came after all failures of the only
one; a solution that followed a failure once makes no lesson. Executions are given oldest first, in
one spelling per repository.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterator, Sequence
from functools import partial
from typing import NamedTuple
from uuid import UUID

from mcp_learning.insights.patterns import patterns
from mcp_learning.insights.rates import compare_with_fdr
from mcp_learning.lessons.findings import (
    LEAST,
    LessonFinding,
    approaches,
    outcomes_of,
    with_merged_repositories,
    without,
)
from mcp_learning.lessons.wording import SolutionWords, first_sentence, points, same_solution
from mcp_learning.models.lessons import LONGEST, MOST_EVIDENCE, Kind
from mcp_learning.models.quoting import shorten
from mcp_learning.models.wording import percent
from mcp_learning.store.lesson_protocol import Experience

RECURS = 3
"""Least number of failures that count as recurring."""

AGREEING = 2
"""Least number of tasks that the same solution has to fix."""

_OTHERS = 200  # tasks whose solutions are compared with each other, and with a fix
_QUOTE = 140
_PROGRAMS = (
    "ansible|aws|bash|bazel|bun|bundle|cargo|cmake|composer|conda|deno|docker|dotnet|eslint|flake8|"
    "flutter|gcloud|gem|gh|git|go|gradle|gradlew|helm|hg|java|javac|jest|just|kubectl|make|mix|mvn|"
    "mypy|ninja|node|npm|npx|nx|php|phpunit|pip|pip3|pipenv|pnpm|poetry|pre-commit|prettier|pylint|"
    "pytest|python|python3|rails|rake|rspec|ruff|rustc|sbt|swift|terraform|tox|tsc|turbo|uv|uvx|"
    "vite|vitest|webpack|yarn"
)
_COMMAND = re.compile(
    rf"[`$>'\"]\s?((?:\./)?(?:{_PROGRAMS})(?:\.\w+)?(?: [\w./:@=+,-]+){{0,6}})(?=[`'\"\n]|$)",
    re.MULTILINE,
)
_BEFORE = re.compile(r"\s*(?:cd\s+\S+\s*(?:&&|;)\s*|[A-Za-z_]\w*=\S*\s+)*")
_SEVERAL = re.compile(r"&&|\|\||;")
_WORDS_OF_A_COMMAND = 3
_FIRST_WORDS = re.compile(r"[\w./@+-]+(?=\s|$)(?: [\w./:@=+,-]+(?=\s|$)){0,2}")
_LOOKING = {
    *("cat", "cd", "diff", "echo", "egrep", "fd", "find", "grep", "head", "ls", "pgrep", "rg"),
    *("sed", "tail", "test", "wc", "which"),
}
"""Programs that only search: these fail if they find nothing."""


class _Fix(NamedTuple):
    """A solution that fixed failures.

    Attributes:
        typical: The success whose solution agrees with most others.
        tasks: Number of tasks that it fixed.
        of: Number of tasks that failed.
    """

    typical: Experience
    tasks: int
    of: int


def all_findings(experience: Sequence[Experience]) -> list[LessonFinding]:
    """All findings in all executions, oldest first; approaches included."""
    runs = with_merged_repositories(experience)
    ended = [one for one in runs if one.success is not None]
    found = [one for make in (approaches, failures, commands, files) for one in make(ended)]
    known = {one.key for one in found}
    return [*found, *(one for one in recoveries(runs) if one.key not in known), *decisions(runs)]


def failures(experience: Sequence[Experience]) -> list[LessonFinding]:
    """Errors that recur in a repository, with the solution that fixed them."""
    pattern_of = error_patterns(experience)
    groups: dict[tuple[str, str], list[Experience]] = defaultdict(list)
    for one in experience:
        if not one.success and one.error_text:
            groups[one.repo, pattern_of[one.error_text]].append(one)
    after = _later_successes(experience)
    found = []
    for (repo, pattern), runs in sorted(groups.items()):
        if len(runs) >= RECURS and (fix := _fix(runs, after)) is not None:
            what = f'"{shorten(runs[-1].error_message or pattern, _QUOTE)}"'
            ended = f"ended {_share(fix)} after {len(runs)} failures"
            do = f"{shorten(fix.typical.solution, 190)} ({ended})"
            key = f"failure:{repo}:{pattern}"
            found.append(_recurrence("failure", key, f"{what} comes up", do, runs, fix))
    return found


def error_patterns(experience: Sequence[Experience]) -> dict[str, str]:
    """The pattern of each error text of the failures."""
    texts = sorted({one.error_text for one in experience if not one.success and one.error_text})
    return dict(zip(texts, patterns(texts), strict=True))


def commands(experience: Sequence[Experience]) -> list[LessonFinding]:
    """Commands that keep failing in a repository, with the command that worked instead."""
    after = _later_successes(experience)
    after_in: dict[str, list[Experience]] = defaultdict(list)
    for (repo, _), successes in after.items():
        after_in[repo] += successes
    found = []
    for (repo, command), runs in _by_command(experience):
        instead = _fix(runs, after, partial(_another, failing=command))
        works = [one for one in after_in[repo] if command in commands_in(one.solution)]
        if instead is None or len(works) * RECURS > len(runs):
            continue
        other = _another(instead.typical, command)[0]
        solution = shorten(instead.typical.solution, 120)
        do = f"`{other}` worked instead ({_share(instead)}): {solution}"
        when = f"about to run `{command}`: it failed {len(runs)} times here"
        key = f"command:{repo}:{command}"
        found.append(_recurrence("command", key, when, do, runs, instead))
    return found


def recoveries(experience: Sequence[Experience]) -> list[LessonFinding]:
    """Commands that failed repeatedly in a repository, with the form that then worked."""
    groups: dict[tuple[str, str], dict[tuple[UUID, str], None]] = defaultdict(dict)
    for one in experience:
        for failing, worked in one.recovered:
            if _SEVERAL.search(_BEFORE.sub("", failing, count=1)):
                continue  # which of them failed isn't known
            for command in first_command(failing):
                forms = first_command(worked) or [""]
                groups[one.repo, command] |= dict.fromkeys((one.task_id, form) for form in forms)
    found = []
    for (repo, command), pairs in sorted(groups.items()):
        failed = len({task_id for task_id, _ in pairs})
        counts = Counter(form for _, form in pairs if form not in ("", command))
        best, times = max(counts.items(), key=lambda one: (one[1], one[0]), default=("", 0))
        if failed < RECURS or times < AGREEING or 2 * times < failed:
            continue
        found.append(
            LessonFinding(
                kind="command",
                key=f"command:{repo}:{command}",
                when=f"about to run `{command}`: it failed {failed} times here",
                do=f"`{best}` then worked, {times} of {failed} times",
                repo=repo or None,
                evidence=tuple([one for one, form in pairs if form == best][-MOST_EVIDENCE:]),
                weight=failed,
            )
        )
    return found


def first_command(text: str) -> list[str]:
    """The first words of a command line, at most three; empty if its program only looks."""
    plain = _BEFORE.sub("", text, count=1).partition("\n")[0]
    found = _FIRST_WORDS.match(" ".join(plain.split()))
    return [found[0]] if found and found[0].partition(" ")[0] not in _LOOKING else []


def files(experience: Sequence[Experience]) -> list[LessonFinding]:
    """Files whose tasks fail significantly more often than others of their repository."""
    by_file: dict[tuple[str, str], list[Experience]] = defaultdict(list)
    by_repo: dict[str, list[Experience]] = defaultdict(list)
    for one in experience:
        if one.files:
            by_repo[one.repo].append(one)
        for path in dict.fromkeys(one.files):
            by_file[one.repo, path].append(one)
    family = []
    for (repo, path), runs in sorted(by_file.items()):
        own, total = outcomes_of(runs), outcomes_of(by_repo[repo])
        others = without(own, total)
        if min(sum(own), sum(others)) >= LEAST:
            family.append((repo, path, runs, own, others))
    changes = compare_with_fdr([(own, others) for *_, own, others in family])
    after = _later_successes(experience)
    found = []
    for (repo, path, runs, own, others), change in zip(family, changes, strict=True):
        if change.direction != "worse":
            continue
        failed = [one for one in runs if not one.success]
        fix = _fix(failed, after)
        comparison = (
            f"tasks that changed it failed in {own.failure} of {sum(own)} cases, others in "
            f"{percent(others.failure / sum(others))} "
            f"({points(change.change_low, change.change_high)} of success)"
        )
        found.append(
            LessonFinding(
                kind="file",
                key=f"file:{repo}:{path}",
                when=f"the task changes {shorten(path, _QUOTE)}",
                do=None
                if fix is None
                else f"{shorten(fix.typical.solution, 200)} (ended {_share(fix)})",
                avoid=f"treating it as any other file: {comparison}",
                repo=repo or None,
                evidence=_evidence(runs, fix),
                weight=len(runs),
            )
        )
    return found


def decisions(experience: Sequence[Experience]) -> list[LessonFinding]:
    """Decisions that replaced earlier ones: the latest of each chain.

    Of several that replaced the same one, the last counts.
    """
    by_id = {one.task_id: one for one in experience}
    replaced = {one.supersedes: one for one in experience if one.supersedes is not None}
    found = []
    for task_id, new in replaced.items():
        old = by_id.get(task_id)
        if old is None or new.task_id in replaced or None in (old.success, new.success):
            continue
        found.append(
            LessonFinding(
                kind="decision",
                key=f"decision:{old.task_id}",
                when=shorten(first_sentence(new.description), _QUOTE),
                do=f"{shorten(new.solution or new.description, 260)} "
                f"(decided {new.recorded_at:%Y-%m-%d})",
                avoid=f"what was decided {old.recorded_at:%Y-%m-%d} and is replaced: "
                f"{shorten(old.solution or old.description, 200)}",
                repo=new.repo or None,
                evidence=(old.task_id, new.task_id),
                weight=2,
            )
        )
    return found


def commands_in(text: str) -> set[str]:
    """Commands that a text quotes, each by its first words."""
    return {" ".join(one.split()[:_WORDS_OF_A_COMMAND]) for one in _COMMAND.findall(text)}


def _by_command(
    experience: Sequence[Experience],
) -> Iterator[tuple[tuple[str, str], list[Experience]]]:
    groups: dict[tuple[str, str], list[Experience]] = defaultdict(list)
    for one in experience:
        if not one.success:
            for command in sorted(commands_in(one.error_message)):
                groups[one.repo, command].append(one)
    for name, runs in sorted(groups.items()):
        if len(runs) >= RECURS:
            yield name, runs


def _another(one: Experience, failing: str) -> list[str]:
    """Commands that the solution quotes, without the one that fails."""
    return sorted(commands_in(one.solution) - {failing})


def _later_successes(experience: Sequence[Experience]) -> dict[tuple[str, int], list[Experience]]:
    """Successes with a solution, by repository and task, oldest first."""
    found: dict[tuple[str, int], list[Experience]] = defaultdict(list)
    for one in experience:
        if one.success and one.solution:
            found[one.repo, one.task_key].append(one)
    return dict(found)


def _fix(
    failed: Sequence[Experience],
    after: dict[tuple[str, int], list[Experience]],
    names: Callable[[Experience], list[str]] | None = None,
) -> _Fix | None:
    """The solution on which the next successes of the failed tasks agree; None without one.

    It has to be the solution of `AGREEING` tasks and of half of those that were solved; or that of
    the only task that failed, at least `RECURS` times before and never after it.

    Args:
        failed: Failures, oldest first.
        after: Successes by repository and task.
        names: Commands in a solution, the first of which have to be the same; None: solutions are
            compared by their words.
    """
    solved = {}
    for one in failed:
        later = [
            s for s in after.get((one.repo, one.task_key), ()) if s.recorded_at > one.recorded_at
        ]
        if later:
            solved[one.repo, one.task_key] = later[0]._replace(error_message=one.error_message)
    candidates = [one for one in solved.values() if names is None or names(one)]
    if not candidates:
        return None
    if names is None:
        texts = [_solution_words(one) for one in candidates]
        counts = [sum(same_solution(one, best) for one in texts) for best in texts[-_OTHERS:]]
    else:
        quoted = [names(one) for one in candidates]
        counts = [sum(best[0] in one for one in quoted) for best in quoted[-_OTHERS:]]
    count = max(counts)
    best = candidates[-_OTHERS:][counts.index(count)]
    if names is None and _is_common(best, count / len(candidates), after, solved):
        return None
    tasks = {(one.repo, one.task_key) for one in failed}
    ended = len(tasks) == 1 and best.recorded_at > failed[-1].recorded_at
    if (count >= AGREEING and 2 * count >= len(solved)) or (ended and len(failed) >= RECURS):
        return _Fix(best, count, len(tasks))
    return None


def _solution_words(one: Experience) -> SolutionWords:
    return SolutionWords.of(one.solution, one.description, one.error_message)


def _is_common(
    best: Experience,
    share: float,
    after: dict[tuple[str, int], list[Experience]],
    solved: Collection[tuple[str, int]],
) -> bool:
    """Whether unrelated tasks of the repository have this solution, too: then it is no fix."""
    others = [
        runs[-1]
        for (repo, key), runs in after.items()
        if repo == best.repo and (repo, key) not in solved
    ][-_OTHERS:]
    wanted = _solution_words(best)
    same = sum(same_solution(_solution_words(one), wanted) for one in others)
    return len(others) >= RECURS and 2 * same >= share * len(others)


def _recurrence(
    kind: Kind, key: str, when: str, do: str, runs: Sequence[Experience], fix: _Fix
) -> LessonFinding:
    types = {one.task_type for one in runs}
    return LessonFinding(
        kind=kind,
        key=key,
        when=shorten(when, LONGEST),
        do=shorten(do, LONGEST),
        repo=runs[0].repo or None,
        task_type=min(types) if len(types) == 1 else None,
        evidence=_evidence(runs, fix),
        weight=len(runs),
    )


def _evidence(runs: Sequence[Experience], fix: _Fix | None) -> tuple[UUID, ...]:
    """The success whose solution is quoted, if one is, and the latest runs."""
    quoted = [] if fix is None else [fix.typical.task_id]
    latest = [one.task_id for one in runs[-MOST_EVIDENCE + len(quoted) :]]
    return tuple(dict.fromkeys([*quoted, *latest]))


def _share(fix: _Fix) -> str:
    return f"it in {fix.tasks} of {fix.of} tasks"
