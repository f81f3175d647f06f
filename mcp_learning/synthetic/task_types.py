"""The task types of generated tasks: how they are described, approached and solved."""

from dataclasses import dataclass
from functools import cache
from typing import NamedTuple


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
    """A description and what solved it, with `{part}`, `{thing}`, `{file}` and `{symptom}`.

    Attributes:
        description: What was asked.
        solution: The summary of a success.
    """

    description: str
    solution: str


@dataclass(frozen=True)
class TaskType:
    """One type of task.

    Attributes:
        templates: Descriptions with their solutions.
        approaches: By label; no two task types share one.
        minutes: Median duration.
    """

    templates: tuple[TaskTemplate, ...]
    approaches: dict[str, ApproachOdds]
    minutes: float


TASK_TYPES = {
    "bug_fix": TaskType(
        (
            TaskTemplate(
                "Fix {part}: {symptom} when {thing} is empty",
                "The guard in {file} took empty {thing} for none; it compares with None now.",
            ),
            TaskTemplate(
                "{symptom} in {part} after the last release, find the cause and fix it",
                "The last release cached {thing} in {file}; they are read per request again.",
            ),
            TaskTemplate(
                "Users report that {part} shows {symptom}; reproduce it and repair {file}",
                "A failing test reproduced it; {file} shared one list of {thing}.",
            ),
            TaskTemplate(
                "{file} mishandles {thing}, which ends in {symptom}",
                "{file} converts {thing} once, at the edge; {symptom} came from doing it twice.",
            ),
            TaskTemplate(
                "Stop {part} from losing {thing} when two requests arrive together",
                "Took a lock around {thing} in {part}; the race is gone under load.",
            ),
        ),
        {
            "reproduce with a failing test": ApproachOdds(0.86, 1.1),
            "bisect the history": ApproachOdds(0.72, 0.8, later=0.45),
            "add logging and guess": ApproachOdds(0.44, 1.6),
            "rewrite the module": ApproachOdds(0.31, 3.0),
        },
        14.0,
    ),
    "feature": TaskType(
        (
            TaskTemplate(
                "Add {thing} to {part}",
                "One thin path for {thing} through {part} first, then the edge cases.",
            ),
            TaskTemplate(
                "Let users export {thing} from {part} as CSV",
                "{file} streams {thing} row by row, with a fixed order of columns.",
            ),
            TaskTemplate(
                "Implement filtering by {thing} in {part}, with paging",
                "An index on {thing}, and a cursor instead of an offset in {part}.",
            ),
            TaskTemplate(
                "Support bulk edits of {thing} through {part}",
                "Bulk edits of {thing} run in one transaction in {file}, with a preview.",
            ),
            TaskTemplate(
                "Build a settings page for {part} that controls {thing}",
                "The settings page of {part} reuses its list view; {file} only adds {thing}.",
            ),
        ),
        {
            "vertical slice first": ApproachOdds(0.81, 1.0),
            "schema first": ApproachOdds(0.69, 1.3),
            "copy a similar feature": ApproachOdds(0.62, 0.6, later=0.84),
            "everything at once": ApproachOdds(0.29, 2.2),
        },
        38.0,
    ),
    "refactor": TaskType(
        (
            TaskTemplate(
                "Split {file} into smaller modules without changing behaviour",
                "Pinned the behaviour of {file} with tests, then split it in four commits.",
            ),
            TaskTemplate(
                "Move {thing} out of {part} into a package of its own",
                "{thing} have a package of their own now, which {part} imports.",
            ),
            TaskTemplate(
                "Replace the inheritance in {file} by plain functions",
                "The base class in {file} became two functions that take {thing}.",
            ),
            TaskTemplate(
                "Remove the duplicated handling of {thing} across {part}",
                "A codemod sent all callers in {part} to the one handler of {thing} in {file}.",
            ),
        ),
        {
            "characterisation tests first": ApproachOdds(0.88, 1.4),
            "automated codemod": ApproachOdds(0.74, 0.4, later=0.9),
            "small commits behind a facade": ApproachOdds(0.77, 1.1),
            "big bang": ApproachOdds(0.26, 1.8),
        },
        31.0,
    ),
    "code_review": TaskType(
        (
            TaskTemplate(
                "Review the pull request that changes {thing} in {part}",
                "The change to {part} is fine; asked for a test with empty {thing}.",
            ),
            TaskTemplate(
                "Check the patch to {file} for races and missing error handling",
                "Found an unchecked return and one unlocked write in {file}.",
            ),
            TaskTemplate(
                "Second opinion on the new {thing} API of {part}",
                "The API of {part} takes {thing} by id now, so that it can be paged.",
            ),
        ),
        {
            "checklist by risk": ApproachOdds(0.83, 1.0),
            "read the diff top down": ApproachOdds(0.66, 0.7),
            "run it and probe": ApproachOdds(0.79, 1.5),
        },
        9.0,
    ),
    "test": TaskType(
        (
            TaskTemplate(
                "Write tests for {part}, covering {thing} and its error paths",
                "A table of cases in one test covers {thing} in {part}, including the empty one.",
            ),
            TaskTemplate(
                "Make the flaky test of {part} deterministic",
                "Injected the clock into {part}; the flake came from sleeping.",
            ),
            TaskTemplate(
                "Raise coverage of {file} to ninety percent",
                "The error paths of {file} have tests now; the rest was dead code and is gone.",
            ),
            TaskTemplate(
                "Add a property-based test for parsing {thing}",
                "Parsing and printing {thing} is a round trip; it found an empty name in {file}.",
            ),
        ),
        {
            "fake clock and seeded data": ApproachOdds(0.85, 1.2),
            "table-driven cases": ApproachOdds(0.8, 0.7),
            "mock everything": ApproachOdds(0.42, 1.0),
            "retry flaky tests": ApproachOdds(0.24, 0.3),
        },
        17.0,
    ),
    "docs": TaskType(
        (
            TaskTemplate(
                "Document {part} for newcomers, with an example that uses {thing}",
                "Start from a runnable example of {thing}; the page about {part} follows from it.",
            ),
            TaskTemplate(
                "Update the README section about {thing}",
                "The README shows {thing} as {file} handles them today; the old options are gone.",
            ),
            TaskTemplate(
                "Write a runbook for {symptom} in {part}",
                "The runbook names the command that shows {symptom} in {part}, and the two fixes.",
            ),
        ),
        {
            "example first": ApproachOdds(0.92, 1.0),
            "generate from docstrings": ApproachOdds(0.71, 0.3),
            "rewrite from scratch": ApproachOdds(0.6, 2.4),
        },
        11.0,
    ),
    "performance": TaskType(
        (
            TaskTemplate(
                "{part} is slow with many {thing}: profile it and halve the latency",
                "The profile showed one query per row of {thing} in {part}; a join replaced them.",
            ),
            TaskTemplate(
                "Reduce memory of {part} while it processes {thing}",
                "Streaming {thing} through {part} instead of loading all keeps memory flat.",
            ),
            TaskTemplate(
                "The query behind {part} takes seconds, make it use an index on {thing}",
                "A function around the column hid the index on {thing}; {file} compares it bare.",
            ),
            TaskTemplate(
                "Cut the start-up time of {part}",
                "{part} imports {file} when it is first needed, which was most of the start.",
            ),
        ),
        {
            "profile before changing": ApproachOdds(0.84, 1.2),
            "add a cache": ApproachOdds(0.55, 0.6, later=0.3),
            "batch the queries": ApproachOdds(0.76, 0.9),
            "rewrite in another language": ApproachOdds(0.19, 4.0),
        },
        27.0,
    ),
    "security": TaskType(
        (
            TaskTemplate(
                "Validate {thing} in {part} against injection",
                "Parameters are bound, never formatted, wherever {part} reads {thing}.",
            ),
            TaskTemplate(
                "Upgrade the library behind {part} that has a known vulnerability",
                "The newer library of {part} renamed one call in {file}; all else stayed.",
            ),
            TaskTemplate(
                "Check permissions in {file} before {thing} is returned",
                "One decorator in {file} checks permissions before {thing} leave it.",
            ),
            TaskTemplate(
                "Stop {part} from logging private {thing}",
                "{part} logs the ids of {thing} alone; a test reads the log.",
            ),
        ),
        {
            "deny by default": ApproachOdds(0.87, 1.0),
            "patch the call site": ApproachOdds(0.58, 0.5),
            "upgrade and run the tests": ApproachOdds(0.78, 0.8, later=0.5),
        },
        24.0,
    ),
    "migration": TaskType(
        (
            TaskTemplate(
                "Migrate {thing} of {part} to the new schema without downtime",
                "Added a column, filled {thing} in batches, switched {part}, dropped the old.",
            ),
            TaskTemplate(
                "Move {part} from the old queue to the new one",
                "{part} wrote to both queues for a week, then read from the new one alone.",
            ),
            TaskTemplate(
                "Port {file} to the async client",
                "Both clients ran side by side behind a flag in {file} for a week.",
            ),
        ),
        {
            "expand and contract": ApproachOdds(0.82, 1.3),
            "dual writes": ApproachOdds(0.68, 1.6),
            "stop the world": ApproachOdds(0.47, 0.6),
        },
        46.0,
    ),
    "deployment": TaskType(
        (
            TaskTemplate(
                "The deployment of {part} fails with {symptom}, get it out again",
                "The new image of {part} lacked a setting, hence {symptom}; now a default.",
            ),
            TaskTemplate(
                "Roll {part} out gradually with a switch for {thing}",
                "One percent of {thing} went first; the switch of {part} is read per request.",
            ),
            TaskTemplate(
                "Make the container image of {part} smaller",
                "A multi-stage build leaves the compilers out of the image of {part}.",
            ),
        ),
        {
            "canary first": ApproachOdds(0.86, 1.2),
            "roll back then debug": ApproachOdds(0.81, 1.0),
            "hotfix in production": ApproachOdds(0.33, 0.4),
        },
        19.0,
    ),
}
"""Those with texts of their own, by name."""


@cache
def task_type_of(name: str) -> TaskType:
    """The task type of that name; one without texts of its own gets some that name it."""
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
