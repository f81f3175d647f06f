"""Telemetry of a leader: latencies of calls, and events."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from mcp_learning.models.fields import Model


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
