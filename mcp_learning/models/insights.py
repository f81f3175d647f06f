"""What a page of insights is made of. Rates are 0..1, intervals 90 %, times UTC."""

from datetime import datetime
from typing import Annotated

from pydantic import Field

from mcp_learning.models.fields import Model
from mcp_learning.models.requests import GroupBy
from mcp_learning.models.results import Change, FailurePattern, Group, Totals, Trend


class Contrast(Model):
    """An approach against the other approaches of its task type."""

    task_type: str
    approach: str
    executions: Annotated[int, Field(description="Ended ones of this approach")]
    success_rate: float
    against_others: Change


class Shift(Model):
    """A group whose outcomes differ from those in the period before."""

    group_by: GroupBy
    group: Group


class Thin(Model):
    """A group with too few ended executions to say much."""

    group_by: GroupBy
    key: str
    ended: int


class Insights(Model):
    """What a period taught, compared with the equally long one before.

    Lists are best or commonest first, and not clipped for display; `other_failures` and the rest
    of the counts say how much they leave out.
    """

    since: datetime
    until: datetime
    totals: Totals
    trend: Trend
    task_types: list[Group]
    works: list[Contrast]
    fails: list[Contrast]
    contrasted: Annotated[int, Field(description="Approaches compared with others of their type")]
    failures: list[FailurePattern]
    other_failures: int
    better: list[Shift]
    worse: list[Shift]
    compared: Annotated[int, Field(description="Groups compared with the period before")]
    thin: list[Thin]
