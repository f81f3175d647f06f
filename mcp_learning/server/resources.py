"""MCP resources, which a person or a client reads without a tool call."""

import logging
from collections.abc import Awaitable, Callable
from typing import NamedTuple
from uuid import UUID

from mcp.shared.exceptions import MCPError
from mcp.shared.uri_template import UriTemplate
from mcp_types import (
    INTERNAL_ERROR,
    INVALID_PARAMS,
    Resource,
    ResourceTemplate,
    TextResourceContents,
)

from mcp_learning.errors import InvalidInput, LearningError, NotFound
from mcp_learning.models.characters import visible
from mcp_learning.models.lessons import ListLessons
from mcp_learning.models.requests import GetExecution
from mcp_learning.server import answers, lesson_texts
from mcp_learning.server.insights import page
from mcp_learning.service.protocol import Learning

logger = logging.getLogger(__name__)

JSON, MARKDOWN = "application/json", "text/markdown"


class _Page(NamedTuple):
    """A resource at a fixed URI, and what makes its text."""

    name: str
    title: str
    description: str
    mime_type: str
    text: Callable[[Learning], Awaitable[str]]


async def _status(learning: Learning) -> str:
    health = await learning.health()
    return visible(health.model_dump_json(exclude_none=True, indent=2))


async def _insights(learning: Learning) -> str:
    return page(await learning.insights())


async def _lessons(learning: Learning) -> str:
    found = await learning.list_lessons(ListLessons(status="active", limit=1_000))
    return visible(lesson_texts.page(found))


_PAGES = {
    "learning://status": _Page(
        name="status",
        title="Status",
        description="Rows, embeddings, index state, schema version, size and owner of the database",
        mime_type=JSON,
        text=_status,
    ),
    "learning://insights": _Page(
        name="insights",
        title="Insights",
        description="What the last 90 days taught, as a page to read",
        mime_type=MARKDOWN,
        text=_insights,
    ),
    "learning://lessons": _Page(
        name="lessons",
        title="Lessons",
        description="Lessons in use, with their effects, as a page to read",
        mime_type=MARKDOWN,
        text=_lessons,
    ),
}

_EXECUTION = "learning://executions/{task_id}"
_EXECUTION_HOLDS = "One execution: the whole record, its feedback, and which later ones used it"


def listed() -> list[Resource]:
    """The resources at fixed URIs."""
    return [
        Resource(
            uri=uri,
            name=page.name,
            title=page.title,
            description=page.description,
            mime_type=page.mime_type,
        )
        for uri, page in _PAGES.items()
    ]


def templates() -> list[ResourceTemplate]:
    """The template of the URIs of executions."""
    return [
        ResourceTemplate(
            uri_template=_EXECUTION,
            name="execution",
            title="Execution",
            description=_EXECUTION_HOLDS,
            mime_type=JSON,
        )
    ]


async def read(learning: Learning, uri: str) -> TextResourceContents:
    """The resource at a URI.

    Raises:
        MCPError: There is none, or it can't be read.
    """
    try:
        text, mime_type = await _read(learning, uri)
    except LearningError as error:
        code = INVALID_PARAMS if isinstance(error, (NotFound, InvalidInput)) else INTERNAL_ERROR
        raise MCPError(code, str(error), {"uri": uri}) from error
    except Exception:
        logger.exception("%r can't be read", uri)
        problem = answers.UNEXPECTED.format(f"reading {answers.printable(uri)}")
        raise MCPError(INTERNAL_ERROR, problem, {"uri": uri}) from None
    return TextResourceContents(uri=uri, text=text, mime_type=mime_type)


async def _read(learning: Learning, uri: str) -> tuple[str, str]:
    """The text and its type."""
    if uri in _PAGES:
        return await _PAGES[uri].text(learning), _PAGES[uri].mime_type
    named = UriTemplate.parse(_EXECUTION).match(uri)
    if named is None:
        raise InvalidInput("uri", f"{uri!r:.200} is unknown; resources/list has those that exist")
    try:
        request = GetExecution(task_id=UUID(str(named["task_id"])))
    except ValueError:
        raise InvalidInput("task_id", f"{named['task_id']!r:.60} is not a UUID") from None
    detail = await learning.get(request)
    return visible(detail.model_dump_json(exclude_none=True, indent=2)), JSON
