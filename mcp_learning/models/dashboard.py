"""What the dashboard asks for and shows. Rates are 0..1, intervals 90 %, times UTC."""

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
    """Which executions a page is about; an unset field doesn't restrict."""

    repo: Repo = None
    task_type: OptionalLabel = None
    days: Annotated[int | None, Field(ge=1, le=36_500)] = None


class ListExecutions(View):
    """Arguments of `listing`; an unset field doesn't restrict.

    Attributes:
        since: Recorded at this time or later; goes before `days`.
        until: Recorded before this time.
        text: In a text, a label or the id, whatever the case.
        same_task: Runs of the task of this execution.
        sort: What they are ordered by; without a value come last, the latest of equals first.
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
    """Arguments of `look_up`: those of a search, and how many more of each kind to show."""

    rest: Annotated[int, Field(ge=0, le=50)] = 5
    by: Dimension = "approach"


class ListHistory(Request):
    """Arguments of `history`; `by` is what labels are, `offset` counts from the latest.

    If `complete`, it has those, too, that are pending, don't name an option, or have no vector.
    """

    by: Dimension = "approach"
    limit: Annotated[int, Field(ge=1, le=500)] = 250
    offset: Annotated[int, Field(ge=0, le=100_000)] = 0
    complete: bool = False


class Bucket(Model):
    """Executions of one step of time."""

    start: datetime
    success: int
    failure: int
    pending: int
    durations: Annotated[int, Field(description="Executions whose duration is known")] = 0
    duration_p50: float | None = None
    duration_p95: float | None = None
    cost_usd: float | None = None


class RatePoint(Model):
    """How the executions of some steps of time ended, from `start` to `end`."""

    start: datetime
    middle: datetime
    end: datetime
    success: int
    failure: int
    success_rate: float
    interval_low: float
    interval_high: float


class Choice(Model):
    """A value that a filter can have."""

    value: str
    executions: int


class Overview(Model):
    """What happened, over time and by repo and task type, the most frequent first."""

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
    repo_choices: list[Choice]
    task_type_choices: list[Choice]


class Listed(Model):
    """One execution in a list; its texts may be cut, and the hashes of its commits be short."""

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
    """A page of executions, and how many there are in all."""

    total: int
    executions: list[Listed]


class Approach(Model):
    """An approach among the others of its task type."""

    task_type: str
    approach: str
    success: int
    failure: int
    success_rate: float
    interval_low: float
    interval_high: float
    against_others: Change


class Rate(Model):
    """How a set of executions ended."""

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


class Loop(Model):
    """What became of recalled executions."""

    returned: Annotated[int, Field(description="Times that an answer had an execution in it")]
    recalled: Annotated[int, Field(description="Different executions that answers had in them")]
    links: Annotated[int, Field(description="Times that an execution named one that it used")]
    with_use: Rate
    without_use: Rate
    difference: Change | None = None
    most_used: list[Used]


class Takeaway(Model):
    """A sentence, and what shows it: an execution, or those of an approach to a task type."""

    text: str
    task_id: UUID | None = None
    task_type: str | None = None
    approach: str | None = None


class TaskName(Model):
    """An execution by what was asked; the text may be cut."""

    task_id: UUID
    task_description: str
    outcome: Outcome


class Learned(Model):
    """What a view taught; `named` are the executions that its failures name."""

    findings: list[Takeaway]
    named: list[TaskName]
    approaches: list[Approach]
    failures: list[FailurePattern]
    other_failures: int
    loop: Loop


class LookedUp(Model):
    """A search as an agent's, what it leaves out, and a recommendation with what it names."""

    answer: SimilarTasks
    beyond: Annotated[list[Match], Field(description="Relevant, but beyond the limit; best first")]
    below: Annotated[list[Match], Field(description="Not relevant; most similar first")]
    recommendation: Recommendation
    named: list[TaskName] = []


class HistoryEntry(Model):
    """An execution with all that predictions rest on; times without a zone are UTC."""

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


class History(Model):
    """A page of executions, the oldest of them first."""

    noise: Annotated[float, Field(description="Of the embedding model, 0..1")]
    executions: list[HistoryEntry]


class Latency(Model):
    """How long recent calls of one method took in the leader, in milliseconds."""

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
    """Something worth knowing that happened in the leader."""

    at: datetime
    level: Literal["info", "warning", "error"]
    text: str


class CallStep(Model):
    """Calls of all tools that ended in five minutes, and how long the last 512 of them took."""

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
    """What is shown: the database's path as a person would write it, and the package's version."""

    database: str
    version: str


class Pulse(Model):
    """A text that changes whenever the database has."""

    state: str
