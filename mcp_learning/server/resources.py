"""MCP resources, which a person or a client reads without a tool call."""

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.exceptions import ResourceError, ResourceNotFoundError

from mcp_learning.errors import LearningError, NotFound
from mcp_learning.models.characters import visible
from mcp_learning.models.lessons import ListLessons
from mcp_learning.models.requests import GetExecution
from mcp_learning.server import lesson_texts
from mcp_learning.server.insights import page
from mcp_learning.service.protocol import Learning


def register(server: MCPServer[None], learning: Learning) -> None:
    """Adds learning://status, learning://executions/{task_id} and the pages."""

    @server.resource(
        "learning://status",
        title="Status",
        description="Rows, embeddings, index state, schema version, size and owner of the database",
        mime_type="application/json",
    )
    async def status() -> str:
        with _failures():
            health = await learning.health()
        return visible(health.model_dump_json(exclude_none=True, indent=2))

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
        with _failures():
            detail = await learning.get(request)
        return visible(detail.model_dump_json(exclude_none=True, indent=2))

    @server.resource(
        "learning://insights",
        title="Insights",
        description="What the last 90 days taught, as a page to read",
        mime_type="text/markdown",
    )
    async def insights() -> str:
        with _failures():
            return page(await learning.insights())

    @server.resource(
        "learning://lessons",
        title="Lessons",
        description="Lessons in use, with their effects, as a page to read",
        mime_type="text/markdown",
    )
    async def lessons() -> str:
        with _failures():
            found = await learning.list_lessons(ListLessons(status="active", limit=1_000))
        return visible(lesson_texts.page(found))


@contextmanager
def _failures() -> Iterator[None]:
    """Turns expected errors into those of the protocol."""
    try:
        yield
    except NotFound as error:
        raise ResourceNotFoundError(str(error)) from error
    except LearningError as error:
        raise ResourceError(str(error)) from error
