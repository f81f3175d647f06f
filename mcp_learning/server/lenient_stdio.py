"""Messages that the SDK would drop, answered: those that its parser refuses, and the last ones.

The SDK passes over a line that it can't parse, and the client that sent it waits for ever. Such a
line may still be JSON for Python's own parser (lone surrogates, deep nesting): then it goes on as
a message, and argument validation names what is wrong with it. What is left gets a JSON-RPC error.

When its input ends, the SDK cancels what it is still working on, although a client may just have
closed its end after the last request. So the end is passed on once all is answered.
"""

import json
import logging
import re

import anyio
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from mcp.shared.message import SessionMessage
from mcp_types import (
    INVALID_REQUEST,
    PARSE_ERROR,
    ErrorData,
    JSONRPCError,
    JSONRPCNotification,
    JSONRPCRequest,
    JSONRPCResponse,
)
from pydantic import ValidationError

logger = logging.getLogger(__name__)

LAST_ANSWERS = 0.5
"""Seconds in which requests are still answered after the client has closed its end."""

CANCELLED = "notifications/cancelled"

_ID = re.compile(r'"id"\s*:\s*(\d{1,18}\b|"[^"\\]{0,100}")')


class LenientStdio:
    """Both directions of a connection; when the client leaves, what it asked is still answered.

    Args:
        incoming: From the client.
        outgoing: To the client.
        requests: To the server; closed once the client has left and been answered.
        answers: From the server.
    """

    def __init__(
        self,
        incoming: MemoryObjectReceiveStream[SessionMessage | Exception],
        outgoing: MemoryObjectSendStream[SessionMessage],
        requests: MemoryObjectSendStream[SessionMessage | Exception],
        answers: MemoryObjectReceiveStream[SessionMessage],
    ) -> None:
        self._incoming = incoming
        self._outgoing = outgoing
        self._requests = requests
        self._answers = answers
        self._unanswered: set[int | str | None] = set()
        self._answered = anyio.Event()

    async def inward(self) -> None:
        """Passes messages on to the server, mended where need be, until the client leaves."""
        async with self._requests:
            async for item in self._incoming:
                message, refusal = _mended(item)
                if refusal is not None:
                    await self._outgoing.send(SessionMessage(refusal))
                elif message is not None:
                    self._expect(message)
                    await self._requests.send(message)
            with anyio.move_on_after(LAST_ANSWERS):
                while self._unanswered:
                    self._answered = anyio.Event()
                    await self._answered.wait()

    async def outward(self) -> None:
        """Passes messages on to the client, until the server has no more."""
        async with self._outgoing:
            async for item in self._answers:
                await self._outgoing.send(item)
                if isinstance(item.message, (JSONRPCResponse, JSONRPCError)):
                    self._unanswered.discard(item.message.id)
                    self._answered.set()

    def _expect(self, item: SessionMessage) -> None:
        message = item.message
        if isinstance(message, JSONRPCRequest):
            self._unanswered.add(message.id)
        elif isinstance(message, JSONRPCNotification) and message.method == CANCELLED:
            self._unanswered.discard((message.params or {}).get("requestId"))


def _mended(
    item: SessionMessage | Exception,
) -> tuple[SessionMessage | None, JSONRPCError | None]:
    """The message to pass on, or the error to answer with."""
    if isinstance(item, SessionMessage):
        if _is_request_in_disguise(item):
            return None, _error(None, INVALID_REQUEST)
        return item, None
    if (request := _salvage(item)) is not None:
        return SessionMessage(request), None
    return None, _refusal(item)


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
