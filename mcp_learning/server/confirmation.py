"""A question to the person at the client, before something that can't be undone.

Clients say whether they can ask ("elicitation", form mode). To a protocol before 2026-07-28 the
server sends the question during the call; since then the call ends with the question, and is
repeated with the answer.
"""

from typing import Any

from mcp.server.mcpserver import Context
from mcp.server.mcpserver.exceptions import ToolError
from mcp_types import ElicitRequest, ElicitRequestFormParams, ElicitResult, InputRequiredResult
from mcp_types.version import MODERN_PROTOCOL_VERSIONS

_KEY = "agreed"
_NOTHING: dict[str, Any] = {"type": "object", "properties": {}}
"""The form's fields: to accept it is the answer."""


def can_ask(context: Context[None, Any]) -> bool:
    """Whether the client shows forms to a person, and a question can reach it."""
    if not (_ends_with_questions(context) or context.session.can_send_request):
        return False
    capabilities = context.client_capabilities
    if capabilities is None or capabilities.elicitation is None:
        return False
    return capabilities.elicitation.form is not None or capabilities.elicitation.url is None


async def agreement(context: Context[None, Any], question: str) -> InputRequiredResult | None:
    """Asks, once.

    Args:
        context: Of the call; its client can be asked.
        question: What to agree to, with all that the answer depends on: an answer to another
            question doesn't count.

    Returns:
        None when the person agreed, or what to return so that the client asks.

    Raises:
        ToolError: The person didn't agree.
    """
    asked = ElicitRequestFormParams(message=question, requested_schema=_NOTHING)
    if not _ends_with_questions(context):
        request_id = context.request_context.request_id
        answer = await context.session.elicit_form(question, _NOTHING, request_id)
    else:
        given = (context.input_responses or {}).get(_KEY)
        if not isinstance(given, ElicitResult) or context.request_state != question:
            return InputRequiredResult(
                input_requests={_KEY: ElicitRequest(params=asked)}, request_state=question
            )
        answer = given
    if answer.action != "accept":
        raise ToolError("the user did not agree; nothing was changed")
    return None


def _ends_with_questions(context: Context[None, Any]) -> bool:
    return context.protocol_version in MODERN_PROTOCOL_VERSIONS
