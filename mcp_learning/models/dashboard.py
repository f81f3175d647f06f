"""Requests and results of the dashboard. Rates are 0..1, intervals 90 %, times UTC."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from mcp_learning.models.fields import Approach as ApproachLabel
from mcp_learning.models.fields import Model, OptionalLabel, Repo, Request
from mcp_learning.models.listed import Bucket, FilterValue, Listed, SortKey, Step, Used
from mcp_learning.models.requests import Dimension, FindSimilarTasks, Moment, Outcome
from mcp_learning.models.results import (
    Change,
    FailurePattern,
    Group,
    Match,
    Recommendation,
    SimilarTasks,
    Totals,
)


class View(Request):
    """Filters of a page; an unset field doesn't restrict."""

    repo: Repo = None
    task_type: OptionalLabel = None
    days: Annotated[int | None, Field(ge=1, le=36_500)] = None


class ListExecutions(View):
    """Arguments of `listing`; an unset field doesn't restrict.

    Attributes:
        since: Recorded at this time or later; overrides `days`.
        until: Recorded before this time.
        text: Contained in a text, a label or the id; case-insensitive.
        same_task: An execution; only runs of the same task are listed.
        sort: Field to sort by; executions without a value come last, ties are latest first.
    """

    approach: ApproachLabel = None
    outcome: Literal["any", "success", "failure", "pending"] = "any"
    since: Moment | None = None
    until: Moment | None = None
    text: Annotated[str, Field(max_length=200)] | None = None
    same_task: UUID | None = None
    sort: SortKey = "recorded_at"
    descending: bool = True
    limit: Annotated[int, Field(ge=1, le=1_000)] = 25
    offset: Annotated[int, Field(ge=0, le=10_000_000)] = 0


class LookUp(FindSimilarTasks):
    """Arguments of `look_up`: a search, and how many lower-ranked and irrelevant matches to add."""

    rest: Annotated[int, Field(ge=0, le=50)] = 5
    by: Dimension = "approach"


class ListHistory(Request):
    """Arguments of `history`.

    Attributes:
        by: The dimension whose values are the labels.
        offset: How many of the latest executions to skip.
        complete: Whether to include executions that are pending, or have no label or no vector.
    """

    by: Dimension = "approach"
    limit: Annotated[int, Field(ge=1, le=500)] = 250
    offset: Annotated[int, Field(ge=0, le=100_000)] = 0
    complete: bool = False


class RatePoint(Model):
    """The success rate of consecutive time steps, from `start` to `end`."""

    start: datetime
    middle: datetime
    end: datetime
    success: int
    failure: int
    success_rate: float
    interval_low: float
    interval_high: float


class Overview(Model):
    """Counts and rates over time, and by repo and task type, the most frequent first."""

    since: datetime
    until: datetime
    step: Step
    recorded: Annotated[int, Field(description="Executions in the database, whatever the view")]
    totals: Totals
    buckets: list[Bucket]
    rates: list[RatePoint]
    repos: list[Group]
    repos_omitted: int
    task_types: list[Group]
    task_types_omitted: int
    repo_choices: list[FilterValue]
    task_type_choices: list[FilterValue]


class Listing(Model):
    """A page of executions, and the total number that pass the filters."""

    total: int
    executions: list[Listed]


class ApproachComparison(Model):
    """An approach compared with the others of its task type."""

    task_type: str
    approach: str
    success: int
    failure: int
    success_rate: float
    interval_low: float
    interval_high: float
    against_others: Change


class Rate(Model):
    """The success rate of a set of executions."""

    success: int
    failure: int
    success_rate: float | None = None
    interval_low: float | None = None
    interval_high: float | None = None


class RecallUse(Model):
    """How recalled executions were used, and the success rates with and without using them."""

    returned: Annotated[int, Field(description="Times that an answer had an execution in it")]
    recalled: Annotated[int, Field(description="Different executions that answers had in them")]
    links: Annotated[int, Field(description="Times that an execution named one that it used")]
    with_use: Rate
    without_use: Rate
    difference: Change | None = None
    most_used: list[Used]


class KeyFinding(Model):
    """A sentence, and its evidence: an execution, or those of an approach in a task type."""

    text: str
    task_id: UUID | None = None
    task_type: str | None = None
    approach: str | None = None


class TaskName(Model):
    """An execution with its description, which may be truncated."""

    task_id: UUID
    task_description: str
    outcome: Outcome


class Learned(Model):
    """Answer of `learned`; `named` are the executions that its failures refer to."""

    findings: list[KeyFinding]
    named: list[TaskName]
    approaches: list[ApproachComparison]
    failures: list[FailurePattern]
    other_failures: int
    loop: RecallUse


class LookUpResult(Model):
    """Answer of `look_up`: the agent's answer, the matches it leaves out, and a recommendation."""

    answer: SimilarTasks
    beyond: Annotated[list[Match], Field(description="Relevant, but beyond the limit; best first")]
    below: Annotated[list[Match], Field(description="Not relevant; most similar first")]
    recommendation: Recommendation
    named: list[TaskName] = []


class HistoryEntry(Model):
    """An execution with all inputs of a prediction; times without a zone are UTC."""

    recorded_at: datetime
    updated_at: datetime
    task_key: int
    repo: str
    task_type: str
    label: str
    success: bool | None
    texts: list[str | None]
    vector: Annotated[str, Field(description="float32, little-endian, in base64; empty: none")]
    votes: Annotated[
        list[tuple[datetime, bool]],
        Field(description="When each vote on it was known, and whether it was in favour"),
    ] = []
    propensity: float | None = None
    confidence: float = 1.0
    observed: bool | None = None
    files: list[str] = []
    recovered: list[tuple[str, str]] = []


class History(Model):
    """Answer of `history`: a page of executions, oldest first."""

    noise: Annotated[float, Field(description="Of the embedding model, 0..1")]
    executions: list[HistoryEntry]


class About(Model):
    """The database's path, abbreviated with `~`, and the package's version."""

    database: str
    version: str


class Pulse(Model):
    """For polling: a text that changes whenever the database does."""

    state: str
