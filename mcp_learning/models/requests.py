"""The arguments of each tool. Agents read the descriptions of fields."""

from datetime import UTC, datetime
from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import AfterValidator, Field, WithJsonSchema, model_validator
from pydantic.json_schema import SkipJsonSchema

from mcp_learning.models.fields import (
    Approach,
    Label,
    LabelText,
    LongText,
    Metadata,
    Model,
    NonNegative,
    OptionalLabel,
    Percent,
    Repo,
    Request,
    Unit,
)
from mcp_learning.models.identifiers import uuid7

Outcome = Literal["success", "failure", "pending"]
OutcomeBasis = Literal["told", "user", "tests", "git", "ci", "none"]
GroupBy = Literal["task_type", "repo", "approach", "model_tier", "pool_type", "error_type", "day"]
Objective = Literal["quality", "cost", "balanced"]
Dimension = Literal["approach", "model_tier", "pool_type", "swarm_topology"]
Choice = Literal["approach", "model_tier", "pool_type", "swarm_topology", "routing"]
"""What is compared; routing: model tier, pool and topology together."""

Preset = Literal["fast", "balanced", "high_recall", "custom"]
WantedMode = Literal["configured", "exact", "hnsw"]
IssueType = Literal["wrong_model", "too_slow", "poor_quality", "other"]
SuggestedColumn = Literal["repo", "task_type", "approach", "error_type"]

PRESETS: dict[str, tuple[int, int]] = {
    "fast": (8, 50),
    "balanced": (16, 100),
    "high_recall": (32, 200),
}
"""(M, ef_construction) of the HNSW graph by preset; those of `custom` come with it."""

MAX_LIMIT = 50


def _utc(moment: datetime | None) -> datetime | None:
    if moment is None or moment.tzinfo is None:
        return moment and moment.replace(tzinfo=UTC)
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise ValueError("is outside the years 1 to 9999 in UTC") from None


Moment = Annotated[datetime, AfterValidator(_utc)]


class TouchedFile(Request):
    """A file that was written to, and the commit that contains the change, or preceded it."""

    path: Annotated[str, Field(min_length=1, max_length=500)]
    commit: Annotated[str | None, Field(pattern=r"^[0-9a-f]{7,64}$")] = None


class Details(Request):
    """Further measurements of an execution, all optional; `files` are kept in `metadata`."""

    file_count: Annotated[int | None, Field(ge=0, le=2**31 - 1)] = None
    estimated_tokens: Annotated[int | None, Field(ge=0, le=2**62)] = None
    routing_confidence: Unit | None = None
    complexity_score: Percent | None = None
    quality_score: Percent | None = None
    cost_estimate: NonNegative | None = None
    peak_memory_mb: NonNegative | None = None
    cpu_time_seconds: NonNegative | None = None
    user_accepted: bool | None = None
    user_rating: Annotated[int | None, Field(ge=1, le=5)] = None
    uploaded_at: Annotated[datetime | None, AfterValidator(_utc)] = None
    metadata: Metadata | None = None
    outcome_basis: OutcomeBasis | None = None
    outcome_confidence: Unit | None = None
    session_id: OptionalLabel = None
    supersedes: UUID | None = None
    files: Annotated[list[TouchedFile] | None, Field(max_length=100)] = None


Traceparent = Annotated[str, Field(pattern=r"^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$")]
"""Which trace, and which of its spans: W3C Trace Context, section 3.2."""


class RecordExecution(Request):
    """Arguments of record_execution."""

    task_type: Annotated[
        Label, Field(max_length=64, description="e.g. bug_fix, code_review, refactor")
    ]
    task_description: Annotated[
        LongText, Field(description="What was asked, in words a later agent would search with")
    ]
    outcome: Annotated[Outcome, Field(description="pending: started, result to follow")]
    task_id: Annotated[
        UUID | None,
        Field(description="Give the id of an earlier record to update it; else one is made"),
    ] = None
    repo: Annotated[Repo, Field(description="owner/name or a path")] = None
    approach: Annotated[
        Approach, Field(description="Short label of what was tried; what recommendations compare")
    ] = None
    model_tier: OptionalLabel = None
    pool_type: OptionalLabel = None
    swarm_topology: OptionalLabel = None
    solution_summary: Annotated[
        Annotated[str, Field(min_length=1, max_length=8_000)] | None,
        Field(description="What worked, or what to do next time"),
    ] = None
    error_type: Annotated[
        OptionalLabel,
        Field(
            description="Of a failure: timeout, quality_gate, crash, validation, unknown, or free"
        ),
    ] = None
    error_message: LongText | None = None
    duration_seconds: NonNegative | None = None
    cost_usd: NonNegative | None = None
    used_task_ids: Annotated[
        list[UUID], Field(max_length=50, description="Recalled executions that you actually used")
    ] = []
    # Its schema is spelled out in words, at a third of the size.
    details: Annotated[Details, WithJsonSchema({"type": "object"})] = Field(
        default_factory=Details,
        description="Optional measurements: file_count, estimated_tokens, routing_confidence "
        "0..1, complexity_score and quality_score 0..100, cost_estimate, peak_memory_mb, "
        "cpu_time_seconds, user_accepted, user_rating 1..5, uploaded_at, session_id, "
        "supersedes (task id that this replaces), outcome_basis (told, user, tests, git, ci), "
        "outcome_confidence 0..1, files (each path and commit), metadata (any object)",
    )
    traceparent: SkipJsonSchema[Traceparent | None] = None  # of the call, which agents can't see


class Filters(Request):
    """Which executions a search may return; an unset field doesn't restrict."""

    repo: Repo = None
    task_type: OptionalLabel = None
    approach: Approach = None
    model_tier: OptionalLabel = None
    outcome: Literal["any", "success", "failure", "pending"] = "any"
    since_days: Annotated[int | None, Field(ge=1, le=36_500)] = None
    since: SkipJsonSchema[Moment | None] = None  # for people: agents know no dates

    @property
    def active(self) -> bool:
        """Whether anything is restricted."""
        return self != Filters()


class FindSimilarTasks(Filters):
    """Arguments of find_similar_tasks."""

    task_description: Annotated[
        LongText, Field(description="The task at hand, an error message or an identifier")
    ]
    limit: Annotated[int, Field(ge=1, le=MAX_LIMIT)] = 5
    min_similarity: Annotated[
        Unit | None, Field(description="Default: what is likely or possibly relevant")
    ] = None
    response_format: Literal["concise", "detailed"] = "concise"
    max_tokens: Annotated[int, Field(ge=200, le=50_000, description="Budget of the answer")] = 2_000
    mode: SkipJsonSchema[WantedMode] = "configured"  # for people who compare

    @property
    def filters(self) -> Filters:
        """The filters alone."""
        return Filters(**{name: getattr(self, name) for name in Filters.model_fields})


class RecommendApproach(Request):
    """Arguments of recommend_approach."""

    task_description: LongText
    more_tasks: Annotated[list[LongText], Field(max_length=20)] = []
    repo: Repo = None
    task_type: OptionalLabel = None
    by: Choice = "approach"
    objective: Objective = "quality"
    explore: Annotated[bool, Field(description="Draw one to try")] = False
    limit: Annotated[int, Field(ge=1, le=MAX_LIMIT)] = 4
    max_tokens: Annotated[int, Field(ge=200, le=50_000)] = 1_000


class SubmitFeedback(Request):
    """Arguments of submit_feedback."""

    task_id: Annotated[UUID, Field(description="The execution that this is about")]
    rating: Annotated[int | None, Field(ge=1, le=5)] = None
    accepted: Literal["yes", "no"] | None = None
    helpful: Annotated[
        Literal["yes", "no"] | None, Field(description="Was recalling it useful")
    ] = None
    issue_type: IssueType | None = None
    comment: Annotated[str, Field(max_length=2_000)] | None = None

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if all(
            getattr(self, name) is None for name in type(self).model_fields if name != "task_id"
        ):
            raise ValueError("give at least one of rating, accepted, helpful, issue_type, comment")
        return self

    def identified(self) -> "IdentifiedFeedback":
        """The feedback with a new id, so that it is stored once if the call is repeated."""
        return IdentifiedFeedback(feedback_id=uuid7(), feedback=self)


class IdentifiedFeedback(Model):
    """Feedback with the id under which it is stored."""

    feedback_id: UUID
    feedback: SubmitFeedback


class GetExecution(Request):
    """Arguments of get_execution."""

    task_id: UUID


class LearningStats(Request):
    """Arguments of learning_stats."""

    days: Annotated[int, Field(ge=1, le=36_500)] = 30
    group_by: GroupBy = "task_type"
    repo: Repo = None
    task_type: OptionalLabel = None
    max_tokens: Annotated[int, Field(ge=1_000, le=50_000)] = 2_000


class RebuildIndex(Request):
    """Arguments of rebuild_index."""

    preset: Annotated[
        Preset, Field(description="Recall against build time; custom takes m and ef_construction")
    ] = "balanced"
    m: Annotated[int | None, Field(ge=2, le=128)] = None
    ef_construction: Annotated[int | None, Field(ge=8, le=2_000)] = None
    reembed: Annotated[
        bool, Field(description="Also recompute every embedding; needed after a model change")
    ] = False

    @model_validator(mode="after")
    def _custom_is_complete(self) -> Self:
        given = self.m is not None or self.ef_construction is not None
        if self.preset == "custom" and (self.m is None or self.ef_construction is None):
            raise ValueError("preset custom needs both m and ef_construction")
        if self.preset != "custom" and given:
            raise ValueError("m and ef_construction go with preset custom only")
        return self

    @property
    def parameters(self) -> tuple[int, int]:
        """(M, ef_construction) of the HNSW graph."""
        if self.m is not None and self.ef_construction is not None:
            return self.m, self.ef_construction
        return PRESETS[self.preset]


class ForgetExecutions(Request):
    """Arguments of forget_executions."""

    task_ids: Annotated[list[UUID], Field(max_length=1_000)] = []
    repo: Repo = None
    task_type: OptionalLabel = None
    older_than_days: Annotated[int | None, Field(ge=0, le=36_500)] = None
    dry_run: Annotated[bool, Field(strict=True, description="false deletes for good")] = True

    @model_validator(mode="after")
    def _selects_something(self) -> Self:
        filters = (self.repo, self.task_type, self.older_than_days)
        if not self.task_ids and all(value is None for value in filters):
            raise ValueError("give task_ids, or at least one of repo, task_type, older_than_days")
        if self.task_ids and any(value is not None for value in filters):
            raise ValueError("give either task_ids or filters, not both")
        return self


class SuggestValues(Request):
    """Arguments of `suggest`: which recorded values to complete a prefix with."""

    column: SuggestedColumn
    prefix: LabelText
    limit: int = 20
