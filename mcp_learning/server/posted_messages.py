"""Reads posted JSON-RPC messages within limits, and parses them as over stdio."""

import json

import anyio
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mcp_learning.server.host_check import refuse
from mcp_learning.server.json_rpc import Refusal, parse

BODY_SECONDS = 30.0
"""How long the body of a request may take to arrive."""


class PostedMessages:
    """ASGI middleware that answers invalid messages, and passes valid ones on.

    The SDK would answer with its parser's message, which repeats the input. A request may have
    `largest` bytes, which have to arrive within `seconds`.
    """

    def __init__(
        self, application: ASGIApp, *, largest: int, seconds: float = BODY_SECONDS
    ) -> None:
        self._application = application
        self._largest = largest
        self._seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes a request on with a valid message as its body, or answers it with an error."""
        if scope["type"] != "http" or scope["method"] != "POST":
            await self._application(scope, receive, send)
            return
        try:
            with anyio.fail_after(self._seconds):
                body = await self._body(scope, receive)
        except TimeoutError:
            await refuse(send, 408, "the request took too long to arrive")
            return
        except ValueError:
            await refuse(send, 413, f"a request may have {self._largest:,} bytes")
            return
        if body is None:
            return
        message = parse(body.decode("utf-8", "replace"))
        if message is None:
            await _answer(send, 202, b"")
        elif isinstance(message, Refusal):
            await _answer(send, 400, message.model_dump_json(exclude_unset=True).encode())
        else:
            dumped = message.model_dump(mode="python", by_alias=True, exclude_unset=True)
            text = json.dumps(dumped, ensure_ascii=False, separators=(",", ":"))
            await self._application(scope, _replayed(text.encode(), receive), send)

    async def _body(self, scope: Scope, receive: Receive) -> bytes | None:
        """The whole body; None if the client left before.

        Raises:
            ValueError: The body is too large.
        """
        body = bytearray()
        for name, value in scope["headers"]:
            if name == b"content-length" and (len(value) > 18 or int(value) > self._largest):
                raise ValueError
        while True:
            part = await receive()
            if part["type"] != "http.request":
                return None
            body += part.get("body", b"")
            if len(body) > self._largest:
                raise ValueError
            if not part.get("more_body", False):
                return bytes(body)


async def _answer(send: Send, status: int, body: bytes) -> None:
    headers = [(b"content-type", b"application/json")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _replayed(body: bytes, receive: Receive) -> Receive:
    """A `receive` that returns this body first."""
    waiting: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replay() -> Message:
        return waiting.pop() if waiting else await receive()

    return replay
