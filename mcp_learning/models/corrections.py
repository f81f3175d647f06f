"""Requests and results of resolving an id, revising an execution and judging its outcome."""

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
    """Arguments of `resolve`: an id, or at least its first four hexadecimal digits."""

    task_id: str


class ResolvedId(Model):
    """Answer of `resolve`: the only execution whose id begins so."""

    task_id: UUID


class ReviseExecution(Request):
    """Arguments of `revise`: new values of fields; those in `clear` are set to None."""

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
    """What a source says of an execution's outcome, as known since `at`.

    It replaces the source's earlier judgement; the outcome pending withdraws it.
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
    """Answer of `judge`: the executions changed, and ids that no execution has; durable."""

    changed: list[UUID]
    unknown: list[UUID]


class Revised(Model):
    """Answer of `revise`; the write is durable."""

    task_id: UUID
    changed: Annotated[list[str], Field(description="Fields that have another value now")]
    redactions: int
