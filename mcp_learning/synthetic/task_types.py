"""The task types of generated tasks: how they are described, approached and solved."""

from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

from mcp_learning.synthetic.vocabulary import TEXTS


class ApproachOdds(NamedTuple):
    """One approach to the tasks of a type.

    Attributes:
        rate: Success rate, 0..1, before model tier and complexity change it.
        pace: Factor of duration and cost.
        later: The rate after the change point (`generator.drift_moment`); None: it doesn't change.
    """

    rate: float
    pace: float
    later: float | None = None


class TaskTemplate(NamedTuple):
    """A description and its solution, with `{part}`, `{thing}`, `{file}` and `{symptom}`."""

    description: str
    solution: str


@dataclass(frozen=True)
class TaskType:
    """One type of task: templates, approaches by label, and the median duration in minutes."""

    templates: tuple[TaskTemplate, ...]
    approaches: dict[str, ApproachOdds]
    minutes: float


TASK_TYPES = {
    name: TaskType(
        tuple(TaskTemplate(*texts) for texts in given["templates"]),
        {label: ApproachOdds(*odds) for label, odds in given["approaches"].items()},
        given["minutes"],
    )
    for name, given in TEXTS["task_types"].items()
}
"""The built-in task types by name; no two have an approach in common."""


@cache
def task_type_of(name: str) -> TaskType:
    """The task type of that name, built in or with generic templates that contain the name."""
    if name in TASK_TYPES:
        return TASK_TYPES[name]
    kind = " ".join(name.replace("_", " ").replace("-", " ").split())
    return TaskType(
        (
            TaskTemplate(
                f"{kind} of {{part}}, with {{thing}} in mind",
                f"The {kind} of {{part}} began with {{thing}}, where most was to be done.",
            ),
            TaskTemplate(
                f"{kind} for {{thing}} in {{file}}",
                f"A list of all {{thing}} in {{file}} made the {kind} a matter of an hour.",
            ),
            TaskTemplate(
                f"Repeat the {kind} of {{part}} that ended in {{symptom}}",
                f"{{symptom}} came from {{file}}; without it the {kind} of {{part}} went through.",
            ),
        ),
        {
            f"{kind} in small steps": ApproachOdds(0.84, 1.1),
            f"{kind} by a checklist": ApproachOdds(0.71, 0.9),
            f"{kind} all at once": ApproachOdds(0.38, 1.7),
        },
        20.0,
    )
