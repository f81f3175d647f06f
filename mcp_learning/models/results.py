"""Results of the learning service. Absent values are None; times are UTC."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field, JsonValue, model_validator

from mcp_learning.models.fields import Model
from mcp_learning.models.health import Health
from mcp_learning.models.lessons import LessonCounts, ShownLesson
from mcp_learning.models.requests import Outcome, OutcomeBasis
from mcp_learning.models.verdicts import with_verdict


class ExecutionSummary(Model):
    """What a search shows of a recorded task."""

    task_id: UUID
    recorded_at: datetime
    task_type: str
    task_description: str
    outcome: Outcome
    repo: str | None = None
    approach: str | None = None
    model_tier: str | None = None
    solution_summary: str | None = None
    error_type: str | None = None
    error_message: str | None = None
    duration_seconds: float | None = None
    cost_usd: float | None = None
    author: str | None = None


class Execution(ExecutionSummary):
    """One recorded task: all its columns."""

    updated_at: datetime
    pool_type: str | None = None
    swarm_topology: str | None = None
    file_count: int | None = None
    estimated_tokens: int | None = None
    routing_confidence: float | None = None
    complexity_score: float | None = None
    quality_score: float | None = None
    cost_estimate: float | None = None
    peak_memory_mb: float | None = None
    cpu_time_seconds: float | None = None
    user_accepted: bool | None = None
    user_rating: int | None = None
    uploaded_at: datetime | None = None
    metadata: dict[str, JsonValue] | None = None
    outcome_basis: OutcomeBasis = "told"
    outcome_confidence: float = 1.0
    session_id: str | None = None
    supersedes: UUID | None = None

    @model_validator(mode="before")
    @classmethod
    def _with_verdict(cls, values: Any) -> Any:
        return with_verdict(values) if isinstance(values, dict) else values


class Recorded(Model):
    """Answer of record_execution; the write is durable."""

    task_id: UUID
    created: bool
    redactions: Annotated[int, Field(description="Secrets removed before storing")]


class Runs(Model):
    """Counts of the executions of the same task that a match represents."""

    total: int
    success: int
    failure: int
    pending: int


class Match(ExecutionSummary):
    """One relevant earlier task."""

    similarity: Annotated[float, Field(description="0..1")]
    confidence: Literal["likely", "possible"]
    matched_by: Literal["meaning", "words", "both"]
    runs: Runs
    passage: Annotated[
        str | None, Field(description="Of a long task_description: what matched")
    ] = None
    fix: Annotated[
        str | None, Field(description="Solution of a later success of the same task")
    ] = None
    fix_task_id: UUID | None = None
    superseded_by: Annotated[
        UUID | None, Field(description="A later execution that settled it otherwise")
    ] = None


class SearchInfo(Model):
    """How a search was done."""

    mode: Literal["exact", "hnsw"]
    candidates: Annotated[int, Field(description="Executions searched")]
    embedder: str
    degraded: bool
    reason: str | None = None
    below_floor: Annotated[
        int, Field(description="Executions left out as irrelevant; 0 when limit is reached")
    ]
    truncated: bool = False


class SimilarTasks(Model):
    """Answer of find_similar_tasks: best first, empty when nothing is relevant."""

    lessons: list[ShownLesson] = []
    matches: list[Match]
    search: SearchInfo


class Option(Model):
    """One way to do a task like the one at hand, and how it is expected to end.

    Attributes:
        model_tier, pool_type, swarm_topology: The parts of a routing option.
        basis: The evidence that the rate mainly rests on.
        escalate_to: What to try if this fails; `escalated_success_rate` is the probability that
            one of the two succeeds, at the expected cost of both.
    """

    label: str
    model_tier: str | None = None
    pool_type: str | None = None
    swarm_topology: str | None = None
    success_rate: float
    interval_low: float
    interval_high: float
    executions: int
    effective_n: float
    expected_duration_seconds: float | None = None
    expected_cost_usd: float | None = None
    basis: Literal["these tasks", "task type", "all tasks"]
    escalate_to: str | None = None
    escalated_success_rate: float | None = None
    escalated_cost_usd: float | None = None
    evidence: list[UUID]


class Pitfall(Model):
    """What failed on tasks like the one at hand, and the option that was tried."""

    error_type: str | None = None
    what_happened: str
    option: str | None = None
    fix: str | None = None
    task_id: UUID
    failures: int


class Basis(Model):
    """What a recommendation rests on."""

    similar_executions: int
    effective_n: float
    pending: int
    options_known: int
    overall_success_rate: float
    half_life_days: float
    note: str


class Draw(Model):
    """An option drawn at random, in proportion to how likely it is to be the best.

    `propensity` is the probability with which it was drawn, to be recorded with the execution.
    """

    label: str
    propensity: float


class Advice(Model):
    """What to try on one task, and what to avoid: options that are 95 % sure to be worse."""

    verdict: Literal["evidence", "insufficient_evidence"]
    leader: Annotated[Literal["better", "unclear"], Field(description="95 % sure")]
    options: Annotated[list[Option], Field(description="Best first; rates 0..1, 90 % intervals")]
    draw: Draw | None = None
    avoid: list[str] = []
    lessons: list[ShownLesson] = []
    pitfalls: list[Pitfall] = []
    basis: Basis


class Recommendation(Advice):
    """Answer of recommend_approach; `more`: the further tasks in order, no lessons or pitfalls."""

    more: list[Advice] = []
    truncated: bool = False


class FeedbackStored(Model):
    """Answer of submit_feedback; the write is durable."""

    task_id: UUID
    feedback_count: Annotated[int, Field(description="This one included")]
    redactions: int


class Feedback(Model):
    """One submitted feedback."""

    submitted_at: datetime
    rating: int | None = None
    accepted: bool | None = None
    helpful: bool | None = None
    issue_type: str | None = None
    comment: str | None = None


class UsedBy(Model):
    """A later execution that used the one at hand."""

    task_id: UUID
    outcome: Outcome


class ExecutionDetail(Model):
    """Answer of get_execution."""

    execution: Execution
    feedback: list[Feedback]
    used_task_ids: list[UUID]
    used_by: list[UsedBy]
    times_returned: Annotated[int, Field(description="Answers with it")] = 0
    weight: Annotated[float, Field(description="In recommendations, 0.5..2")] = 1.0
    outcome_reason: str | None = None


class Totals(Model):
    """Counts and figures of a set of executions."""

    executions: int
    success: int
    failure: int
    pending: int
    success_rate: float | None = None
    interval_low: float | None = None
    interval_high: float | None = None
    effective_n: Annotated[
        float | None, Field(description="Outcomes by confidence, if that is below their number")
    ] = None
    duration_p50: float | None = None
    duration_p95: float | None = None
    cost_usd: float | None = None
    cost_predictions: int | None = None
    cost_error: float | None = None
    cost_bias: float | None = None


Direction = Literal["better", "worse", "unclear"]


class Change(Model):
    """A success rate compared with another; 90 % intervals of the difference.

    For an error_type, the rate is the share of executions that ended with it: less is better.
    """

    direction: Direction
    change: float
    change_low: float
    change_high: float
    before: Annotated[float, Field(description="The rate compared with, 0..1")]
    before_executions: Annotated[int, Field(description="Outcomes behind it, by confidence")]


class Group(Totals):
    """Totals of one value of the dimension, and the change since the period before."""

    key: str
    trend: Change | None = None


class Trend(Model):
    """This period against the equally long one before."""

    previous: Totals
    success_rate_change: float | None = None
    change_low: float | None = None
    change_high: float | None = None
    direction: Annotated[
        Direction, Field(description="unclear: may be chance, or a period has no outcome")
    ]


class FailurePattern(Model):
    """Failures whose error texts differ in values only."""

    pattern: str
    error_type: str | None = None
    failures: int
    fixed: Annotated[int, Field(description="Followed by a success of the same task")]
    last_seen: datetime
    task_ids: list[UUID]
    fix: str | None = None
    fix_task_id: UUID | None = None
    fix_basis: Literal["same task", "similar task"] | None = None


class Stats(Model):
    """Answer of learning_stats."""

    days: int
    group_by: str
    totals: Totals
    groups: list[Group]
    groups_omitted: int = 0
    trend: Trend
    failures: list[FailurePattern] = []
    other_failures: Annotated[int, Field(description="Of further patterns")] = 0
    lessons: LessonCounts | None = None
    health: Health
    truncated: bool = False


class Forgotten(Model):
    """Answer of forget_executions."""

    executions: Annotated[int, Field(description="How many were deleted, or would be")]
    dry_run: bool
    unknown_task_ids: list[UUID] = []


class SuggestedValues(Model):
    """Answer of `suggest`, the commonest first."""

    values: list[str]
