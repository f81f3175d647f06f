"""What `generate-data` plants: approaches that differ in their type, and fixes of failures."""

import re
from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import NamedTuple
from uuid import UUID

from mcp_learning.lessons.findings import WORTH, LessonFinding
from mcp_learning.models.error_messages import normal_form
from mcp_learning.models.identifiers import task_key
from mcp_learning.models.results import Execution
from mcp_learning.store.lesson_protocol import Experience
from mcp_learning.synthetic.generator import RUNS_PER_TASK, make_runs, make_tasks
from mcp_learning.synthetic.task_types import TASK_TYPES
from mcp_learning.synthetic.vocabulary import FAILURES

UNTIL = datetime(2025, 6, 1, tzinfo=UTC)


def _pattern(template: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"\\\{\w+\\\}", ".+?", re.escape(template)), re.IGNORECASE)


TEMPLATES = [
    (_pattern(one.message), _pattern(one.fix)) for some in FAILURES.values() for one in some
]


class Found(NamedTuple):
    """How many effects were planted, how many became lessons, and which lessons are false.

    Attributes:
        approaches: Of which the success rate differs by at least `WORTH` from the others' rate.
        large: Those of at least ten points.
        fixes: Errors of a repository that came up three times, and whose fix ended those of two
            tasks, and of half of those that were solved.
    """

    approaches: int
    approaches_found: int
    large: int
    large_found: int
    fixes: int
    fixes_found: int
    lessons: int
    false: int


def experience(count: int, seed: int) -> list[Experience]:
    """Executions as `generate-data` makes them, oldest first."""
    tasks = make_tasks(count // RUNS_PER_TASK, seed=seed)
    runs = (run.execution for run in make_runs(tasks, count, seed=seed, until=UNTIL))
    return [_experience(one) for one in runs if one.outcome != "pending"]


def _experience(one: Execution) -> Experience:
    message = one.error_message or ""
    return Experience(
        task_id=one.task_id,
        recorded_at=one.recorded_at,
        task_key=task_key(one.task_description),
        repo=one.repo or "",
        task_type=one.task_type,
        approach=one.approach or "",
        success=one.outcome == "success",
        description=one.task_description,
        solution=one.solution_summary or "",
        error_type=one.error_type or "",
        error_message=message,
        error_text=normal_form(message) if message else "",
    )


def differences() -> dict[tuple[str, str], float]:
    """Success rate of each approach less the mean of the others of its type, -1..1."""
    found = {}
    for name, kind in TASK_TYPES.items():
        odds = kind.approaches.items()
        rates = {a: (o.rate + (o.rate if o.later is None else o.later)) / 2 for a, o in odds}
        for one, rate in rates.items():
            others = (sum(rates.values()) - rate) / (len(rates) - 1)
            found[name, one] = rate - others
    return found


def compared(runs: Sequence[Experience], lessons: Sequence[LessonFinding]) -> Found:
    """Lessons about approaches and failures against what was planted."""
    truth, fixes = differences(), _fixes(runs)
    planted = {key for key, value in truth.items() if abs(value) >= WORTH}
    large = {key for key, value in truth.items() if abs(value) >= 0.1}
    told, ended, false = set(), set(), 0
    by_id = {one.task_id: one for one in runs}
    for one in lessons:
        if one.kind == "approach":
            name = (one.task_type or "", one.key.split(":")[3])
            wanted = 1 if one.key.endswith(":better") else -1
            false += wanted * truth[name] < WORTH
            told |= {name} if one.repo is None else set()
        else:
            fix = _fix_told(one, by_id)
            false += fix is None
            ended |= {(one.repo, fix)}
    return Found(
        *(len(planted), len(planted & told), len(large), len(large & told)),
        *(len(fixes), len(fixes & ended), len(lessons), false),
    )


def _template(message: str) -> int:
    return next(n for n, (pattern, _) in enumerate(TEMPLATES) if pattern.fullmatch(message))


def _fix_told(lesson: LessonFinding, by_id: dict[UUID, Experience]) -> int | None:
    """The number of the failure whose fix a lesson tells; None: it tells another's, or none."""
    told, *failed = (by_id[one] for one in lesson.evidence)
    numbers = [_template(one.error_message) for one in failed]
    number = max(numbers, key=numbers.count)
    return number if TEMPLATES[number][1].match(told.solution) else None


def _fixes(runs: Sequence[Experience]) -> set[tuple[str | None, int | None]]:
    """Repositories and numbers of failures that recur, and that their fix ended."""
    later: dict[tuple[str, int], list[Experience]] = defaultdict(list)
    failed: dict[tuple[str, int], list[Experience]] = defaultdict(list)
    for one in runs:
        if one.success:
            later[one.repo, one.task_key].append(one)
        else:
            failed[one.repo, _template(one.error_message)].append(one)
    found: set[tuple[str | None, int | None]] = set()
    for (repo, number), some in failed.items():
        solved = {}
        for one in some:
            after = [s for s in later[repo, one.task_key] if s.recorded_at > one.recorded_at]
            if after:
                solved[one.task_key] = bool(TEMPLATES[number][1].match(after[0].solution))
        ended = sum(solved.values())
        if len(some) >= 3 and ended >= 2 and 2 * ended >= len(solved):
            found.add((repo, number))
    return found
