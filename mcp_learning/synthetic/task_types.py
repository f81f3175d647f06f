"""The task types of generated tasks: how they are described, approached and solved."""

from dataclasses import dataclass
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


@dataclass(frozen=True)
class TaskType:
    """One type of task.

    Attributes:
        templates: Descriptions; `{part}`, `{thing}`, `{file}` and `{symptom}` are filled in.
        approaches: By label; no two task types share one.
        solutions: Solution summaries; the same fields are filled in.
        minutes: Median duration.
    """

    templates: tuple[str, ...]
    approaches: dict[str, ApproachOdds]
    solutions: tuple[str, ...]
    minutes: float


TASK_TYPES = {
    "bug_fix": TaskType(
        (
            "Fix {part}: {symptom} when {thing} is empty",
            "{symptom} in {part} after the last release, find the cause and fix it",
            "Users report that {part} shows {symptom}; reproduce it and repair {file}",
            "{file} mishandles {thing}, which ends in {symptom}",
            "Stop {part} from losing {thing} when two requests arrive together",
        ),
        {
            "reproduce with a failing test": ApproachOdds(0.86, 1.1),
            "bisect the history": ApproachOdds(0.72, 0.8, later=0.45),
            "add logging and guess": ApproachOdds(0.44, 1.6),
            "rewrite the module": ApproachOdds(0.31, 3.0),
        },
        (
            "A failing test for {thing} showed that {file} read stale state; load it per request.",
            "The guard in {file} tested truthiness; compare {thing} with None instead.",
            "Took a lock around {thing} in {part}; the race is gone under load.",
        ),
        14.0,
    ),
    "feature": TaskType(
        (
            "Add {thing} to {part}",
            "Let users export {thing} from {part} as CSV",
            "Implement filtering by {thing} in {part}, with paging",
            "Support bulk edits of {thing} through {part}",
            "Build a settings page for {part} that controls {thing}",
        ),
        {
            "vertical slice first": ApproachOdds(0.81, 1.0),
            "schema first": ApproachOdds(0.69, 1.3),
            "copy a similar feature": ApproachOdds(0.62, 0.6, later=0.84),
            "everything at once": ApproachOdds(0.29, 2.2),
        },
        (
            "One thin path through {part} first, then the edge cases of {thing}.",
            "Reused the list view of {part}; {file} only adds the columns for {thing}.",
        ),
        38.0,
    ),
    "refactor": TaskType(
        (
            "Split {file} into smaller modules without changing behaviour",
            "Move {thing} out of {part} into a package of its own",
            "Replace the inheritance in {file} by plain functions",
            "Remove the duplicated handling of {thing} across {part}",
        ),
        {
            "characterisation tests first": ApproachOdds(0.88, 1.4),
            "automated codemod": ApproachOdds(0.74, 0.4, later=0.9),
            "small commits behind a facade": ApproachOdds(0.77, 1.1),
            "big bang": ApproachOdds(0.26, 1.8),
        },
        (
            "Pinned the behaviour of {part} with tests, then moved {thing} in four commits.",
            "A codemod rewrote the call sites; {file} keeps an alias for one release.",
        ),
        31.0,
    ),
    "code_review": TaskType(
        (
            "Review the pull request that changes {thing} in {part}",
            "Check the patch to {file} for races and missing error handling",
            "Second opinion on the new {thing} API of {part}",
        ),
        {
            "checklist by risk": ApproachOdds(0.83, 1.0),
            "read the diff top down": ApproachOdds(0.66, 0.7),
            "run it and probe": ApproachOdds(0.79, 1.5),
        },
        (
            "Found an unchecked return in {file}; asked for a test with empty {thing}.",
            "The change to {part} is fine; naming of {thing} was made consistent.",
        ),
        9.0,
    ),
    "test": TaskType(
        (
            "Write tests for {part}, covering {thing} and its error paths",
            "Make the flaky test of {part} deterministic",
            "Raise coverage of {file} to ninety percent",
            "Add a property-based test for parsing {thing}",
        ),
        {
            "fake clock and seeded data": ApproachOdds(0.85, 1.2),
            "table-driven cases": ApproachOdds(0.8, 0.7),
            "mock everything": ApproachOdds(0.42, 1.0),
            "retry flaky tests": ApproachOdds(0.24, 0.3),
        },
        (
            "Injected the clock into {part}; the flake came from sleeping.",
            "A table of cases in one test covers {thing}, including the empty one.",
        ),
        17.0,
    ),
    "docs": TaskType(
        (
            "Document {part} for newcomers, with an example that uses {thing}",
            "Update the README section about {thing}",
            "Write a runbook for {symptom} in {part}",
        ),
        {
            "example first": ApproachOdds(0.92, 1.0),
            "generate from docstrings": ApproachOdds(0.71, 0.3),
            "rewrite from scratch": ApproachOdds(0.6, 2.4),
        },
        (
            "Start from a runnable example of {thing}; the reference follows from it.",
            "The runbook names the command that shows {symptom} and the two fixes.",
        ),
        11.0,
    ),
    "performance": TaskType(
        (
            "{part} is slow with many {thing}: profile it and halve the latency",
            "Reduce memory of {part} while it processes {thing}",
            "The query behind {part} takes seconds, make it use an index on {thing}",
            "Cut the start-up time of {part}",
        ),
        {
            "profile before changing": ApproachOdds(0.84, 1.2),
            "add a cache": ApproachOdds(0.55, 0.6, later=0.3),
            "batch the queries": ApproachOdds(0.76, 0.9),
            "rewrite in another language": ApproachOdds(0.19, 4.0),
        },
        (
            "The profile showed one query per row of {thing}; a join replaced them.",
            "Streaming {thing} through {part} instead of loading all keeps memory flat.",
        ),
        27.0,
    ),
    "security": TaskType(
        (
            "Validate {thing} in {part} against injection",
            "Upgrade the library behind {part} that has a known vulnerability",
            "Check permissions in {file} before {thing} is returned",
            "Stop {part} from logging private {thing}",
        ),
        {
            "deny by default": ApproachOdds(0.87, 1.0),
            "patch the call site": ApproachOdds(0.58, 0.5),
            "upgrade and run the tests": ApproachOdds(0.78, 0.8, later=0.5),
        },
        (
            "Permissions are checked in one decorator in {file}; all routes of {part} use it.",
            "Parameters are bound, never formatted, wherever {part} reads {thing}.",
        ),
        24.0,
    ),
    "migration": TaskType(
        (
            "Migrate {thing} of {part} to the new schema without downtime",
            "Move {part} from the old queue to the new one",
            "Port {file} to the async client",
        ),
        {
            "expand and contract": ApproachOdds(0.82, 1.3),
            "dual writes": ApproachOdds(0.68, 1.6),
            "stop the world": ApproachOdds(0.47, 0.6),
        },
        (
            "Added the column, filled {thing} in batches, switched {part}, dropped the old one.",
            "Both clients ran side by side behind a flag in {file} for a week.",
        ),
        46.0,
    ),
    "deployment": TaskType(
        (
            "The deployment of {part} fails with {symptom}, get it out again",
            "Roll {part} out gradually with a switch for {thing}",
            "Make the container image of {part} smaller",
        ),
        {
            "canary first": ApproachOdds(0.86, 1.2),
            "roll back then debug": ApproachOdds(0.81, 1.0),
            "hotfix in production": ApproachOdds(0.33, 0.4),
        },
        (
            "A canary with one percent of {thing} showed {symptom} early; the limit was raised.",
            "A multi-stage build leaves the compilers out of the image of {part}.",
        ),
        19.0,
    ),
}
