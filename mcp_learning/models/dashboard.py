"""Requests and results of the dashboard. Rates are 0..1, intervals 90 %, times UTC."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from mcp_learning.models.fields import Approach as ApproachLabel
from mcp_learning.models.fields import Model, OptionalLabel, Repo, Request
from mcp_learning.models.requests import Dimension, FindSimilarTasks, Moment, Outcome, OutcomeBasis
from mcp_learning.models.results import (
    Change,
    FailurePattern,
    Group,
    Match,
    Recommendation,
    SimilarTasks,
    Totals,
)

Step = Literal["hour", "day", "week", "month"]
SortKey = Literal[
    "recorded_at", "outcome", "task_type", "repo", "approach", "duration_seconds", "cost_usd"
]


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


class Bucket(Model):
    """Executions of one time step."""

    start: datetime
    success: int
    failure: int
    pending: int
    durations: Annotated[int, Field(description="Executions whose duration is known")] = 0
    duration_p50: float | None = None
    duration_p95: float | None = None
    cost_usd: float | None = None
    success_weight: Annotated[
        float | None, Field(description="Sum of the confidences of the successes")
    ] = None
    failure_weight: float | None = None


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


class FilterValue(Model):
    """A recorded value of a filter, and how many executions have it."""

    value: str
    executions: int


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


class Listed(Model):
    """One execution in a list; texts are truncated, and hashes of commits may be short."""

    task_id: UUID
    recorded_at: datetime
    task_type: str
    task_description: str
    outcome: Outcome
    repo: str | None = None
    approach: str | None = None
    model_tier: str | None = None
    error_type: str | None = None
    solution_summary: str | None = None
    duration_seconds: float | None = None
    cost_usd: float | None = None
    outcome_basis: OutcomeBasis = "told"
    outcome_confidence: float = 1.0
    session_id: str | None = None
    commits: list[str] = []


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


class Used(Model):
    """An execution that later ones used."""

    task_id: UUID
    task_description: str
    outcome: Outcome
    uses: int
    success: Annotated[int, Field(description="Uses in executions that then succeeded")]
    failure: int


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


class Latency(Model):
    """Durations of recent calls of one method in the leader, in milliseconds."""

    method: str
    tool: str
    calls: Annotated[int, Field(description="Since the leader began to lead")]
    failed: Annotated[int, Field(description="Of these, calls that ended with an error")]
    recent: Annotated[int, Field(description="Calls that the percentiles are of")]
    p50_ms: float
    p95_ms: float
    p99_ms: float
    longest_ms: float


class Event(Model):
    """A notable event in the leader."""

    at: datetime
    level: Literal["info", "warning", "error"]
    text: str


class CallStep(Model):
    """Calls of all tools that ended within five minutes; percentiles are of the last 512."""

    start: datetime
    calls: int
    failed: int
    p50_ms: float
    p95_ms: float


class Telemetry(Model):
    """Calls of the leader by tool and over time, oldest first; and events, the latest first."""

    latencies: list[Latency]
    events: list[Event]
    steps: list[CallStep] = []


class About(Model):
    """The database's path, abbreviated with `~`, and the package's version."""

    database: str
    version: str


class Pulse(Model):
    """For polling: a text that changes whenever the database does."""

    state: str
