"""Asks the user for confirmation before something that can't be undone.

Clients declare whether they can ask ("elicitation", form mode). With protocol versions before
2026-07-28 the server sends the question during the call; since then the call returns the question,
and the client repeats it with the answer.
"""

from typing import Any

from mcp.server.mcpserver import Context
from mcp.server.mcpserver.exceptions import ToolError
from mcp_types import ElicitRequest, ElicitRequestFormParams, ElicitResult, InputRequiredResult
from mcp_types.version import MODERN_PROTOCOL_VERSIONS

_KEY = "agreed"
_NOTHING: dict[str, Any] = {"type": "object", "properties": {}}
"""The schema of the form, without fields: accepting it is the answer."""


def can_ask(context: Context[None, Any]) -> bool:
    """Whether the client can show a form to the user, and a question can be sent to it."""
    if not (_ends_with_questions(context) or context.session.can_send_request):
        return False
    capabilities = context.client_capabilities
    if capabilities is None or capabilities.elicitation is None:
        return False
    return capabilities.elicitation.form is not None or capabilities.elicitation.url is None


async def agreement(context: Context[None, Any], question: str) -> InputRequiredResult | None:
    """Asks the user to agree.

    Args:
        context: The context of the call; `can_ask` holds for it.
        question: What to agree to, with everything that the answer depends on, since an answer to
            another question isn't accepted.

    Returns:
        None if the user agreed; otherwise the result of the call that makes the client ask.

    Raises:
        ToolError: The user didn't agree.
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
