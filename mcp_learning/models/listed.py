"""What a store counts and lists for the dashboard. Times are UTC."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from mcp_learning.models.fields import Model
from mcp_learning.models.requests import Outcome, OutcomeBasis

Step = Literal["hour", "day", "week", "month"]
SortKey = Literal[
    "recorded_at", "outcome", "task_type", "repo", "approach", "duration_seconds", "cost_usd"
]


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


class FilterValue(Model):
    """A recorded value of a filter, and how many executions have it."""

    value: str
    executions: int


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


class Used(Model):
    """An execution that later ones used."""

    task_id: UUID
    task_description: str
    outcome: Outcome
    uses: int
    success: Annotated[int, Field(description="Uses in executions that then succeeded")]
    failure: int
