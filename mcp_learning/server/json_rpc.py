"""Parses JSON-RPC messages, so that every request gets an answer. Nothing raises.

The SDK drops a line that its parser refuses, and the client waits forever; over HTTP it answers
with the parser's message, which repeats the input. Such a line may still be JSON for Python's own
parser (lone surrogates, NaN): if it is a tool call, it is passed on, so that argument validation
names the problem. So is a tool call whose arguments are a text with their JSON. Everything else is
answered with a JSON-RPC error.
"""

import json
import logging
import re
from typing import Any

from mcp_types import (
    INVALID_PARAMS,
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

from mcp_learning.models.fields import array_or_object, clean_values, depth

logger = logging.getLogger(__name__)

CANCELLED = "notifications/cancelled"

_WITH_ARGUMENTS = ("tools/call", "prompts/get")
_DEEPEST = 200
"""Most levels of arrays and objects in a message: as many as the SDK's parser accepts."""
_TOO_DEEP = "arguments: nested too deeply; flatten them"
_NOT_JSON_RPC = "the message is not valid JSON-RPC 2.0"
_ID = re.compile(r'"id"\s*:\s*(\d{1,18}\b|"[^"\\]{0,100}")')


class Refusal(JSONRPCError):
    """The error that answers a message."""


def parse(line: str) -> JSONRPCMessage | Refusal | None:
    """The message in a line, or the error that answers it. Never raises.

    None for an invalid notification, which gets no answer, as any notification.
    """
    try:
        return _parse(line)
    except Exception:
        logger.exception("a message could not be parsed")
        return _error(None, PARSE_ERROR)


def messages(line: str) -> list[str]:
    """The messages of a line: those of a batch, which version 2025-03-26 has, or the line itself.

    Each is answered on its own.
    """
    if not line.lstrip().startswith("["):
        return [line]
    try:
        batch = json.loads(line)
    except (ValueError, RecursionError):
        return [line]
    return [json.dumps(message) for message in batch] or [line]


def is_id(value: object) -> bool:
    """Whether a value can be a message's id: a number, not a bool, or a text."""
    if isinstance(value, str):
        return _is_unicode(value)
    return isinstance(value, int) and not isinstance(value, bool)


def _parse(line: str) -> JSONRPCMessage | Refusal | None:
    try:
        message = jsonrpc_message_adapter.validate_json(line, by_name=False)
    except ValidationError as error:
        return _tool_call(line) or _refusal(line, error)
    if isinstance(message, JSONRPCRequest):
        return _with_arguments(message) if message.method in _WITH_ARGUMENTS else message
    if isinstance(message, JSONRPCNotification):
        if not message.method.startswith("notifications/"):
            # The SDK takes a request with an invalid id for a notification.
            return _error(None, INVALID_REQUEST)
        if message.method == CANCELLED and not is_id((message.params or {}).get("requestId")):
            logger.warning("ignored a cancellation with an invalid request id")
            return None
    return message


def _with_arguments(request: JSONRPCRequest) -> JSONRPCRequest | Refusal:
    """A request with its arguments as an object, which some clients send as a text."""
    params = request.params
    if params is None or not isinstance(params.get("arguments"), str):
        return request
    arguments = array_or_object(params["arguments"].strip() or "{}")
    if isinstance(arguments, (list, str)):
        return _error(request.id, INVALID_PARAMS, "arguments: must be an object")
    if depth(arguments) > _DEEPEST:
        return _error(request.id, INVALID_PARAMS, _TOO_DEEP)
    arguments = clean_values(arguments or {})
    return request.model_copy(update={"params": {**params, "arguments": arguments}})


def _tool_call(line: str) -> JSONRPCRequest | Refusal | None:
    try:
        message = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(message, dict) or not is_id(message.get("id")):
        return None
    params = message.get("params")
    if message.get("method") != "tools/call" or not isinstance(params, dict):
        return None
    if not isinstance(params.get("name"), str):
        return None
    if depth(params) > _DEEPEST:
        return _error(message["id"], INVALID_PARAMS, _TOO_DEEP)
    params = clean_values(params)
    return _with_arguments(
        JSONRPCRequest(jsonrpc="2.0", id=message["id"], method="tools/call", params=params)
    )


def _refusal(line: str, error: ValidationError) -> Refusal:
    for one in error.errors(include_url=False):
        # The input of a "missing" error is the whole message.
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


def _error(request_id: int | str | None, code: int, message: str = _NOT_JSON_RPC) -> Refusal:
    logger.warning("refused a message: %s", message)
    return Refusal(jsonrpc="2.0", id=request_id, error=ErrorData(code=code, message=message))
