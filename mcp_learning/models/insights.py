"""The page of insights. Rates are 0..1, intervals 90 %, times UTC."""

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


class GroupChange(Model):
    """A group whose outcomes differ from those in the period before."""

    group_by: GroupBy
    group: Group


class SmallGroup(Model):
    """A group with too few ended executions to say much."""

    group_by: GroupBy
    key: str
    ended: int


class Insights(Model):
    """Figures of a period, compared with the equally long one before.

    Lists have the best or most frequent first and aren't truncated for display; `other_failures`
    and the other counts say how much is left out.
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
    better: list[GroupChange]
    worse: list[GroupChange]
    compared: Annotated[int, Field(description="Groups compared with the period before")]
    thin: list[SmallGroup]
