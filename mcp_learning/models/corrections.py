"""What a person asks about one execution: which one is meant, and what of it was wrong."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field, model_validator

from mcp_learning.models.fields import (
    Approach,
    LongText,
    Model,
    NonNegative,
    OptionalLabel,
    Repo,
    Request,
    Unit,
)
from mcp_learning.models.requests import Moment, Outcome, OutcomeBasis
from mcp_learning.models.verdicts import LONGEST_REASON, Source

Clearable = Literal[
    "repo", "approach", "model_tier", "pool_type", "swarm_topology", "solution_summary",
    "error_type", "error_message", "duration_seconds", "cost_usd",
]  # fmt: skip


class ResolveId(Request):
    """An id, or how it begins: at least four hexadecimal digits."""

    task_id: str


class ResolvedId(Model):
    """The one execution that is meant."""

    task_id: UUID


class ReviseExecution(Request):
    """Corrections of an execution; what isn't given stays, what is to be cleared has no value."""

    task_id: UUID
    task_type: Annotated[OptionalLabel, Field(max_length=64)] = None
    task_description: LongText | None = None
    outcome: Outcome | None = None
    repo: Repo = None
    approach: Approach = None
    model_tier: OptionalLabel = None
    pool_type: OptionalLabel = None
    swarm_topology: OptionalLabel = None
    solution_summary: Annotated[str, Field(max_length=8_000)] | None = None
    error_type: OptionalLabel = None
    error_message: LongText | None = None
    duration_seconds: NonNegative | None = None
    cost_usd: NonNegative | None = None
    clear: list[Clearable] = []

    @model_validator(mode="after")
    def _changes_something(self) -> "ReviseExecution":
        given = self.model_dump(exclude={"task_id", "clear"}, exclude_none=True)
        if not given and not self.clear:
            raise ValueError("name at least one field to change")
        if both := given.keys() & set(self.clear):
            raise ValueError(f"{min(both)} is both given and cleared; choose one")
        return self


class Judgement(Request):
    """What a fact known since `at` says of how an execution ended; pending: nothing any more.

    What the same source said before is forgotten.
    """

    task_id: UUID
    source: Source
    outcome: Outcome
    outcome_basis: OutcomeBasis
    confidence: Unit
    why: Annotated[str, Field(max_length=LONGEST_REASON)] = ""
    at: Moment


class Judge(Request):
    """Arguments of `judge`."""

    judgements: Annotated[list[Judgement], Field(max_length=1_000)]


class Judged(Model):
    """Answer of `judge`; the writes are durable. No execution has the `unknown` ids."""

    changed: list[UUID]
    unknown: list[UUID]


class Revised(Model):
    """Answer of `revise`; the write is durable."""

    task_id: UUID
    changed: Annotated[list[str], Field(description="Fields that have another value now")]
    redactions: int
