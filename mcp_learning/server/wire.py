"""Messages that the SDK's parser refuses, answered instead of dropped.

The SDK passes over a line that it can't parse, and the client that sent it waits for ever. Such a
line may still be JSON for Python's own parser (lone surrogates, deep nesting): then it goes on as
a message, and argument validation names what is wrong with it. What is left gets a JSON-RPC error.
"""

import json
import logging
import re

from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from mcp.shared.message import SessionMessage
from mcp_types import (
    INVALID_REQUEST,
    PARSE_ERROR,
    ErrorData,
    JSONRPCError,
    JSONRPCNotification,
    JSONRPCRequest,
)
from pydantic import ValidationError

logger = logging.getLogger(__name__)

_ID = re.compile(r'"id"\s*:\s*(\d{1,18}\b|"[^"\\]{0,100}")')


async def mend(
    incoming: MemoryObjectReceiveStream[SessionMessage | Exception],
    outgoing: MemoryObjectSendStream[SessionMessage],
    mended: MemoryObjectSendStream[SessionMessage | Exception],
) -> None:
    """Passes messages on from `incoming` to `mended`, until the client leaves."""
    async with mended:
        async for item in incoming:
            if isinstance(item, SessionMessage):
                if _is_request_in_disguise(item):
                    await outgoing.send(SessionMessage(_error(None, INVALID_REQUEST)))
                else:
                    await mended.send(item)
            elif (request := _salvage(item)) is not None:
                await mended.send(SessionMessage(request))
            else:
                await outgoing.send(SessionMessage(_refusal(item)))


def _line(error: Exception) -> str:
    details = error.errors(include_url=False) if isinstance(error, ValidationError) else []
    line = details[0]["input"] if details else ""
    return line if isinstance(line, str) else ""


def _salvage(error: Exception) -> JSONRPCRequest | None:
    try:
        message = json.loads(_line(error))
    except (ValueError, RecursionError):
        return None
    if not isinstance(message, dict) or not _is_id(message.get("id")):
        return None
    params = message.get("params")
    if message.get("method") != "tools/call" or not isinstance(params, dict):
        return None
    name = params.get("name")
    if not isinstance(name, str) or not _is_text(name):
        return None
    # model_construct: the text in it may not be valid Unicode, which the tool's own model reports.
    return JSONRPCRequest.model_construct(
        jsonrpc="2.0", id=message["id"], method="tools/call", params=params
    )


def _is_request_in_disguise(item: SessionMessage) -> bool:
    """Whether a request passes for a notification, since its id is neither a number nor a text."""
    message = item.message
    return isinstance(message, JSONRPCNotification) and not message.method.startswith(
        "notifications/"
    )


def _refusal(error: Exception) -> JSONRPCError:
    details = error.errors(include_url=False) if isinstance(error, ValidationError) else []
    for one in details:
        # The whole message is what some field was found missing from.
        if one["type"] == "missing" and isinstance(one["input"], dict):
            given = one["input"].get("id")
            return _error(given if _is_id(given) else None, INVALID_REQUEST)
    found = _ID.search(_line(error))
    return _error(json.loads(found[1]) if found else None, PARSE_ERROR)


def _is_id(value: object) -> bool:
    """Whether an answer can carry it: a number or a text; a bool only passes for a number."""
    if isinstance(value, str):
        return _is_text(value)
    return isinstance(value, int) and not isinstance(value, bool)


def _is_text(value: str) -> bool:
    return value.isascii() or not any("\ud800" <= character <= "\udfff" for character in value)


def _error(request_id: int | str | None, code: int) -> JSONRPCError:
    logger.warning("refused a message that is not valid JSON-RPC")
    return JSONRPCError(
        jsonrpc="2.0",
        id=request_id,
        error=ErrorData(code=code, message="the message is not valid JSON-RPC 2.0"),
    )
