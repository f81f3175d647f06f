"""Resources: what a person or a client reads without calling a tool."""

from typing import TYPE_CHECKING
from uuid import UUID

from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.exceptions import ResourceError, ResourceNotFoundError

from mcp_learning.errors import LearningError, NotFound
from mcp_learning.models.requests import GetExecution, LearningStats
from mcp_learning.models.results import Stats, Totals
from mcp_learning.server.host import Host

if TYPE_CHECKING:
    from mcp_learning.share.methods import Learning

INSIGHT_DAYS = 90


def register(server: MCPServer[None], host: Host) -> None:
    """Adds learning://status, learning://executions/{task_id} and learning://insights."""

    @server.resource(
        "learning://status",
        title="Status",
        description="Rows, embeddings, index state, schema version, size and owner of the database",
        mime_type="application/json",
    )
    async def status() -> str:
        try:
            health = await (await host.service()).health()
        except LearningError as error:
            raise ResourceError(str(error)) from error
        return health.model_dump_json(exclude_none=True, indent=2)

    @server.resource(
        "learning://executions/{task_id}",
        title="Execution",
        description="One execution: the whole record, its feedback, and which later ones used it",
        mime_type="application/json",
    )
    async def execution(task_id: str) -> str:
        try:
            request = GetExecution(task_id=UUID(task_id))
        except ValueError:
            raise ResourceNotFoundError(f"task_id: {task_id!r:.60} is not a UUID") from None
        try:
            detail = await (await host.service()).get(request)
        except NotFound as error:
            raise ResourceNotFoundError(str(error)) from error
        except LearningError as error:
            raise ResourceError(str(error)) from error
        return detail.model_dump_json(exclude_none=True, indent=2)

    @server.resource(
        "learning://insights",
        title="Insights",
        description=f"What the last {INSIGHT_DAYS} days taught, as a page to read",
        mime_type="text/markdown",
    )
    async def insights() -> str:
        try:
            return await _insights(await host.service())
        except LearningError as error:
            raise ResourceError(str(error)) from error


async def _insights(service: "Learning") -> str:
    by_type = await service.stats(LearningStats(days=INSIGHT_DAYS, group_by="task_type"))
    by_approach = await service.stats(LearningStats(days=INSIGHT_DAYS, group_by="approach"))
    by_error = await service.stats(LearningStats(days=INSIGHT_DAYS, group_by="error_type"))
    totals, trend = by_type.totals, by_type.trend
    if not totals.executions:
        return f"# Insights\n\nNothing was recorded in the last {INSIGHT_DAYS} days.\n"
    lines = [
        "# Insights",
        "",
        f"{totals.executions} executions in {INSIGHT_DAYS} days; {_rate(totals)}. "
        f"Against the {INSIGHT_DAYS} days before: {trend.direction}.",
    ]
    for heading, stats in (
        ("Task types", by_type),
        ("Approaches", by_approach),
        ("Errors", by_error),
    ):
        lines += _table(heading, stats)
    return "\n".join(lines) + "\n"


def _table(heading: str, stats: Stats) -> list[str]:
    if not stats.groups:
        return []
    rows = [
        f"| {_cell(group.key)} | {group.executions} | {_rate(group)} |"
        for group in stats.groups[:10]
    ]
    return ["", f"## {heading}", "", "| | executions | succeeded |", "|---|---|---|", *rows]


def _rate(totals: Totals) -> str:
    if totals.success_rate is None:
        return "none has ended yet"
    return (
        f"{totals.success_rate:.0%} succeeded "
        f"(90 % interval {totals.interval_low:.0%} to {totals.interval_high:.0%})"
    )


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
