"""The leader: answers calls on the learning service, its own client's and its followers'."""

import hmac
import logging
import random
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from itertools import count
from time import perf_counter
from typing import TYPE_CHECKING, Any

import anyio
import anyio.lowlevel
from anyio.abc import ByteStream
from pydantic import ValidationError

from mcp_learning.cluster import frames
from mcp_learning.cluster.channel import Channel, Disconnected
from mcp_learning.cluster.frames import (
    PROTOCOL,
    Call,
    Cancel,
    Failure,
    Frame,
    Hello,
    Ping,
    Pong,
    Progress,
    Result,
    Welcome,
)
from mcp_learning.cluster.methods import METHODS, A, Method, Q, Report
from mcp_learning.errors import InvalidInput, LearningError, StoreLocked
from mcp_learning.models.results import Health, Member, Stats

if TYPE_CHECKING:
    from mcp_learning.service.learning import LearningService

logger = logging.getLogger(__name__)

HELLO_SECONDS = 5.0
"""How long a new connection may keep its hello to itself."""

HANDOVER_SECONDS = 3.0
"""How long after its start a leader waits for the database's lock, which its predecessor had."""

_HANDOVER_PAUSE = 0.02


class Leader:
    """A learning service with everybody who uses it.

    Args:
        service: The service.
        me: This process, as others see it.
        token: What a follower's hello has to know.
    """

    def __init__(self, service: "LearningService", me: Member, token: str) -> None:
        self.me = me
        self._service = service
        self._token = token
        self._began = anyio.current_time()
        self._numbers = count()
        self._followers: dict[int, Member] = {}
        self._leaving = False
        self._journal = service.recorder.journal
        self._journal.note(f"process {me.pid} (mcp-learning {me.version}) leads")

    def leave(self) -> None:
        """From now on followers get no more answers: they repeat their calls elsewhere."""
        self._leaving = True

    async def ask(self, method: Method[Q, A], request: Q, report: Report) -> A:
        """Answers a call.

        Raises:
            LearningError: As the service does.
        """
        started = perf_counter()
        try:
            answer = await self._answer(method, request, report)
        except Exception:
            self._service.recorder.note(method.name, perf_counter() - started, failed=True)
            raise
        self._service.recorder.note(method.name, perf_counter() - started, failed=False)
        return answer

    async def _answer(self, method: Method[Q, A], request: Q, report: Report) -> A:
        while True:
            try:
                answer = await method.serve(self._service, request, report)
            except StoreLocked:
                # The kernel may free the seat of a leader that dies before the file's lock.
                if self._leaving or anyio.current_time() > self._began + HANDOVER_SECONDS:
                    raise
                await anyio.sleep(random.uniform(_HANDOVER_PAUSE, 3 * _HANDOVER_PAUSE))  # noqa: S311
            else:
                return self._with_members(answer)

    async def attend(self, stream: ByteStream) -> None:
        """Serves one connection to its end. Never raises."""
        channel = Channel(stream)
        try:
            with anyio.move_on_after(HELLO_SECONDS) as waiting:
                hello = await channel.receive()
            if waiting.cancelled_caught or not isinstance(hello, Hello) or not self._knows(hello):
                return
            refused = hello.protocol != PROTOCOL
            await channel.send_now(Welcome(protocol=PROTOCOL, leader=self.me, refused=refused))
            if not refused:
                with self._listed(hello):
                    await _Attendance(self, channel, hello.member).run()
        except Disconnected:
            pass
        except Exception:
            logger.exception("a connection failed; its process will try another")
        finally:
            await channel.close()

    async def frame_for(self, call: Call, report: Report, member: Member) -> Frame | None:
        """The answer to a follower's call; None when it gets none."""
        try:
            method = METHODS.get(call.method)
            if method is None:
                raise LearningError(self._unknown(f"the call {call.method}", member))
            request = self._understood(method, call.arguments, member)
            frame: Frame = Result(id=call.id, value=await self.ask(method, request, report))
        except LearningError as error:
            frame = frames.failure(call.id, error)
        except Exception:
            logger.exception("%s failed for process %d", call.method, member.pid)
            frame = Failure(
                id=call.id,
                kind="LearningError",
                message=f"{call.method} failed in process {self.me.pid}, which has the database "
                "open; that server's log on stderr has the details",
            )
        return None if self._leaving else frame

    def _understood(self, method: Method[Any, Any], arguments: Any, member: Member) -> Any:
        """A request was valid where it comes from: if it isn't here, the versions differ."""
        try:
            return method.request.model_validate(arguments)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            field = ".".join(str(part) for part in first["loc"])
            problem = self._unknown(f"this value ({first['msg']})", member)
            raise InvalidInput(field, problem) from None  # its text repeats the arguments

    def _unknown(self, what: str, member: Member) -> str:
        return (
            f"{what} is not understood by mcp-learning {self.me.version} in process {self.me.pid}, "
            f"which has the database open; this is version {member.version}: restart the agent "
            "that started the older one"
        )

    def _knows(self, hello: Hello) -> bool:
        return hmac.compare_digest(hello.token.encode(), self._token.encode())

    @contextmanager
    def _listed(self, hello: Hello) -> Iterator[None]:
        number = next(self._numbers)
        pid = hello.member.pid
        if hello.follows:
            self._followers[number] = hello.member
            self._journal.note(f"process {pid} (mcp-learning {hello.member.version}) follows")
        try:
            yield
        finally:
            if self._followers.pop(number, None):
                self._journal.note(f"process {pid} follows no longer")

    def _with_members(self, answer: A) -> A:
        if isinstance(answer, Health):
            members = {"leader": self.me, "followers": list(self._followers.values())}
            return answer.model_copy(update=members)
        if isinstance(answer, Stats):
            return answer.model_copy(update={"health": self._with_members(answer.health)})
        return answer


class _Attendance:
    """One follower's connection and its calls in flight."""

    def __init__(self, leader: Leader, channel: Channel, member: Member) -> None:
        self._leader = leader
        self._channel = channel
        self._member = member
        self._calls: dict[int, anyio.CancelScope] = {}

    async def run(self) -> None:
        """Answers until the follower leaves; what it still wanted then is cancelled."""
        async with anyio.create_task_group() as group:
            group.start_soon(self._channel.write)
            async for frame in self._channel.frames():
                match frame:
                    case Call():
                        scope = self._calls[frame.id] = anyio.CancelScope()
                        group.start_soon(self._answer, frame, scope)
                    case Cancel() if frame.id in self._calls:
                        self._calls[frame.id].cancel()
                    case Ping():
                        self._send(Pong())
                    case _:
                        pass
            group.cancel_scope.cancel()

    async def _answer(self, call: Call, scope: anyio.CancelScope) -> None:
        with scope:
            report = partial(self._progress, call.id)
            try:
                # After this process was stopped for long, what it reads first may be a call whose
                # follower has given up: that it has left is what is read next, and cancels this.
                await anyio.lowlevel.checkpoint()
                if frame := await self._leader.frame_for(call, report, self._member):
                    self._send(frame)
            finally:
                del self._calls[call.id]

    async def _progress(self, call: int, share: float, message: str) -> None:
        self._send(Progress(id=call, share=share, message=message))

    def _send(self, frame: Frame) -> None:
        try:
            self._channel.send(frame)
        except Disconnected:
            pass
        except LearningError as error:
            if isinstance(frame, Result):
                self._send(frames.failure(frame.id, error))
