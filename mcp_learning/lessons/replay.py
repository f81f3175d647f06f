"""Replays a history: would lessons found in earlier executions have named later failures?

The history is cut into slices. Before each, lessons are derived from all earlier executions by the
same functions as in the product.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from mcp_learning.insights.rates import difference_interval
from mcp_learning.lessons.findings import LONGEST_NAME, LessonFinding, with_merged_repositories
from mcp_learning.lessons.recurrences import all_findings, commands_in, error_patterns
from mcp_learning.lessons.refusals import same_repository
from mcp_learning.models.quoting import shorten
from mcp_learning.store.lesson_protocol import Experience
from mcp_learning.store.types import Outcomes

SLICES = 20
"""Number of slices; the first one has no lessons."""


class Replayed(NamedTuple):
    """The result of a replay.

    Attributes:
        executions: Number of executions after the first slice.
        lessons: Number of lessons before the last slice.
        failures: Number of failures among the executions.
        named: Failures whose approach, error, command or file a lesson named.
        warned: Outcomes of executions whose approach a lesson said to avoid.
        followed: Outcomes of executions whose approach a lesson recommended.
        others: Outcomes of other executions of task types with such lessons.
    """

    executions: int
    lessons: int
    failures: int
    named: int
    warned: Outcomes
    followed: Outcomes
    others: Outcomes

    def as_json(self) -> dict[str, object]:
        """For `evaluate --json`; differences of success rates have 90 % intervals."""
        return {
            **{name: getattr(self, name) for name in ("executions", "lessons", "failures")},
            "failures_named": self.named,
            "warned": self.warned._asdict(),
            "followed": self.followed._asdict(),
            "others": self.others._asdict(),
            "followed_against_rest": difference_interval(
                self.followed, _sum(self.warned, self.others)
            ),
            "warned_against_rest": difference_interval(
                self.warned, _sum(self.followed, self.others)
            ),
        }


def _sum(one: Outcomes, other: Outcomes) -> Outcomes:
    return Outcomes(one.success + other.success, one.failure + other.failure)


def replay(experience: Sequence[Experience]) -> Replayed:
    """Replays executions that have ended, oldest first."""
    experience = with_merged_repositories(experience)
    size = max(1, -(-len(experience) // SLICES))
    counts = {"warned": [0, 0], "followed": [0, 0], "others": [0, 0]}
    executions = failures = named = 0
    findings: list[LessonFinding] = []
    for start in range(size, len(experience), size):
        findings = all_findings(experience[:start])
        pattern_of = error_patterns(experience[: start + size])
        for one in experience[start : start + size]:
            executions += 1
            failures += not one.success
            side = _side(one, findings)
            if side:
                counts[side][0 if one.success else 1] += 1
            named += not one.success and (side == "warned" or _names(one, findings, pattern_of))
    ended = {name: Outcomes(*values) for name, values in counts.items()}
    return Replayed(executions, len(findings), failures, named, **ended)


def _side(one: Experience, findings: Sequence[LessonFinding]) -> str:
    """The group of an execution by the lessons about approaches; "" without any of its type."""
    about = [
        lesson
        for lesson in findings
        if lesson.kind == "approach"
        and lesson.task_type == one.task_type
        and same_repository(lesson.repo, one.repo)
    ]
    if not one.approach:
        return ""
    name = f'"{shorten(one.approach, LONGEST_NAME)}"'
    if any(name in (lesson.avoid or "") for lesson in about):
        return "warned"
    if any(name in (lesson.do or "") for lesson in about):
        return "followed"
    return "others" if about else ""


def _names(
    one: Experience, findings: Sequence[LessonFinding], pattern_of: Mapping[str, str]
) -> bool:
    """Whether a lesson is about the error, a command or a file of a failure."""
    texts = {one.error_text, pattern_of.get(one.error_text, "")} - {""}
    keys = {f"failure:{one.repo}:{text}" for text in texts}
    keys |= {f"command:{one.repo}:{command}" for command in commands_in(one.error_message)}
    keys |= {f"file:{one.repo}:{path}" for path in one.files}
    return any(lesson.key in keys for lesson in findings)
