"""From a line to a JSON-RPC message: whatever the line is, it has an answer, and nothing is raised.

The SDK drops a line that its parser refuses, and the client that sent it waits for ever. Such a
line may still be JSON for Python's own parser (lone surrogates, deep nesting): a tool call among
these goes on as a message, so that argument validation names what is wrong with it. Everything
else is answered with a JSON-RPC error.
"""

import json
import logging
import re
from typing import Any

from mcp_types import (
    INVALID_REQUEST,
    PARSE_ERROR,
    ErrorData,
    JSONRPCError,
    JSONRPCMessage,
    JSONRPCNotification,
    JSONRPCRequest,
    jsonrpc_message_adapter,
)
from pydantic import ValidationError

logger = logging.getLogger(__name__)

CANCELLED = "notifications/cancelled"

_ID = re.compile(r'"id"\s*:\s*(\d{1,18}\b|"[^"\\]{0,100}")')


def parse(line: str) -> JSONRPCMessage | JSONRPCError | None:
    """The message that a line holds, or the error to answer it with. Never raises.

    None: a notification that means nothing, and that gets no answer, like any notification.
    """
    try:
        message = jsonrpc_message_adapter.validate_json(line, by_name=False)
    except ValidationError as error:
        return _tool_call(line) or _refusal(line, error)
    except Exception:
        logger.exception("a line could not be parsed")
        return _error(None, PARSE_ERROR)
    if isinstance(message, JSONRPCNotification):
        if not message.method.startswith("notifications/"):
            # A request whose id is neither a number nor a text passes for a notification.
            return _error(None, INVALID_REQUEST)
        if message.method == CANCELLED and not is_id((message.params or {}).get("requestId")):
            logger.warning("passed over a cancellation of what is no request id")
            return None
    return message


def is_id(value: object) -> bool:
    """Whether a message can carry it as its id: a number or a text; a bool is neither."""
    if isinstance(value, str):
        return _is_unicode(value)
    return isinstance(value, int) and not isinstance(value, bool)


def _tool_call(line: str) -> JSONRPCRequest | None:
    try:
        message = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(message, dict) or not is_id(message.get("id")):
        return None
    params = message.get("params")
    if message.get("method") != "tools/call" or not isinstance(params, dict):
        return None
    name = params.get("name")
    if not isinstance(name, str) or not _is_unicode(name):
        return None
    # model_construct: the text in it may not be valid Unicode, which the tool's own model reports.
    return JSONRPCRequest.model_construct(
        jsonrpc="2.0", id=message["id"], method="tools/call", params=params
    )


def _refusal(line: str, error: ValidationError) -> JSONRPCError:
    for one in error.errors(include_url=False):
        # The whole message is what some field was found missing from.
        if one["type"] == "missing" and isinstance(one["input"], dict):
            given: Any = one["input"].get("id")
            return _error(given if is_id(given) else None, INVALID_REQUEST)
    found = _ID.search(line)
    return _error(_json(found[1]) if found else None, PARSE_ERROR)


def _json(text: str) -> int | str | None:
    try:
        value: int | str = json.loads(text)
    except ValueError:  # a number with leading zeros, a text with control characters
        return None
    return value


def _is_unicode(value: str) -> bool:
    return value.isascii() or not any("\ud800" <= character <= "\udfff" for character in value)


def _error(request_id: int | str | None, code: int) -> JSONRPCError:
    logger.warning("refused a message that is not valid JSON-RPC")
    return JSONRPCError(
        jsonrpc="2.0",
        id=request_id,
        error=ErrorData(code=code, message="the message is not valid JSON-RPC 2.0"),
    )
