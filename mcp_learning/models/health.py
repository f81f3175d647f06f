"""Health: the state of the database, of derived data, and of the processes that share it."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from mcp_learning.models.fields import Model
from mcp_learning.models.team import TeamHealth


class IndexHealth(Model):
    """State of the HNSW index."""

    state: Literal["loading", "none", "building", "ready", "stale"]
    rows: int | None = None
    newer_rows: Annotated[int | None, Field(description="Searched exactly beside it")] = None
    bytes: int | None = None
    built_at: datetime | None = None
    age_seconds: int | None = None
    preset: str | None = None
    m: int | None = None
    ef_construction: int | None = None
    recall_at_10: float | None = None
    reason: str | None = None


class IndexingHealth(Model):
    """State of derived data: vectors, word index and HNSW index."""

    embedder: str
    embedder_state: Literal["loading", "ready", "unavailable"] = "loading"
    reembed_due: bool = False
    search_mode: Literal["exact", "hnsw"] = "exact"
    index: IndexHealth = Field(default_factory=lambda: IndexHealth(state="loading"))
    words_pending: Annotated[int, Field(description="Executions whose words are unread")] = 0
    words_bytes: Annotated[int, Field(description="Of the word index's file")] = 0
    problem: str | None = None


class Member(Model):
    """A process that shares the database."""

    pid: int
    since: Annotated[datetime, Field(description="When it began to lead, or to follow")]
    version: str


class Health(IndexingHealth):
    """State of the database, of derived data and of the processes."""

    rows: Annotated[int, Field(description="Executions recorded")]
    embedded: int
    pending: Annotated[int, Field(description="Executions that still wait for their embedding")]
    schema_version: int
    database_bytes: int
    owner_pid: int
    version: str
    leader: Annotated[Member | None, Field(description="Who has the database open")] = None
    followers: Annotated[list[Member], Field(description="Who works through the leader")] = []
    team: TeamHealth | None = None
