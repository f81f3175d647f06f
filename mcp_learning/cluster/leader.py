"""The leader: answers calls on the learning service, from this process and from followers."""

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
from pydantic import BaseModel, ValidationError

from mcp_learning.cluster import frames
from mcp_learning.cluster.channel import Channel, Disconnected
from mcp_learning.cluster.config import ClusterConfig
from mcp_learning.cluster.follower import LeaderGone
from mcp_learning.cluster.frames import (
    Call,
    Cancel,
    Failure,
    Frame,
    Hello,
    Ping,
    Pong,
    ProgressUpdate,
    Result,
    Welcome,
)
from mcp_learning.cluster.methods import NAMES, Method, method_of
from mcp_learning.errors import InvalidInput, LearningError, StoreError, StoreLocked, StoreReplaced
from mcp_learning.models.health import Health, Member
from mcp_learning.models.results import Stats
from mcp_learning.redaction.exclusion import excluded_by_caller
from mcp_learning.service.protocol import Learning, Progress

if TYPE_CHECKING:
    from mcp_learning.service.learning import LearningService

logger = logging.getLogger(__name__)

_HANDOVER_PAUSE = 0.02


class Leader:
    """A learning service and its followers, whose `hello` has to carry the token."""

    def __init__(
        self, service: "LearningService", member: Member, token: str, config: ClusterConfig
    ) -> None:
        self.member = member
        self._learning: Learning = service
        self._recorder = service.recorder
        self._token = token
        self._config = config
        self._started = anyio.current_time()
        self._numbers = count()
        self._followers: dict[int, Member] = {}
        self._stopped = False
        self.replaced = anyio.Event()
        """Set when a call has found that the database was replaced."""
        self._note(f"process {member.pid} (mcp-learning {member.version}) leads")

    def stop_answering(self) -> None:
        """Sends no more answers, so that followers repeat their calls at the next leader."""
        self._stopped = True

    async def call(self, method: Method, request: BaseModel | None, progress: Progress) -> Any:
        """Answers a call. The request has been validated.

        Raises:
            LeaderGone: The database was replaced, or this leader has stopped; repeat the call.
            LearningError: As the method does.
        """
        implementation = getattr(self._learning, method.name)
        started = perf_counter()
        try:
            while True:
                try:
                    result = await implementation(*method.arguments(request, progress))
                    break
                except StoreReplaced as error:
                    self.replaced.set()
                    raise LeaderGone from error
                except StoreLocked:
                    if self._stopped or self._handover_is_over():
                        raise
                    await anyio.sleep(random.uniform(1, 3) * _HANDOVER_PAUSE)  # noqa: S311
                except StoreError as error:
                    if self._stopped:
                        raise LeaderGone from error
                    raise
        except Exception:
            self._recorder.note(method.name, perf_counter() - started, failed=True)
            raise
        self._recorder.note(method.name, perf_counter() - started, failed=False)
        return self._with_members(result)

    async def serve(self, stream: ByteStream) -> None:
        """Serves one connection until it ends. Never raises."""
        channel = Channel(stream)
        try:
            with anyio.move_on_after(self._config.hello_timeout) as waiting:
                hello = await channel.receive()
            if waiting.cancelled_caught or not isinstance(hello, Hello) or not self._admits(hello):
                return
            protocol = self._config.protocol
            refused = hello.protocol != protocol
            await channel.send_now(Welcome(protocol=protocol, leader=self.member, refused=refused))
            if not refused:
                with self._listed(hello):
                    await _FollowerConnection(self, channel, hello).run()
        except Disconnected:
            pass
        except Exception:
            logger.exception("a connection failed; its process will try another")
        finally:
            await channel.close()

    async def answer(self, call: Call, progress: Progress, member: Member) -> Frame | None:
        """Returns the frame that answers a follower's call; None when it gets no answer."""
        try:
            if call.method not in NAMES:
                raise LearningError(self._unknown(f"the call {call.method}", member))
            method = await method_of(call.method)
            request = self._validated(method, call.arguments, member)
            frame: Frame = Result(id=call.id, value=await self.call(method, request, progress))
        except LeaderGone:
            return None
        except LearningError as error:
            frame = frames.failure(call.id, error)
        except Exception:
            logger.exception("%s failed for process %d", call.method, member.pid)
            frame = Failure(
                id=call.id,
                kind="LearningError",
                message=f"{call.method} failed in process {self.member.pid}, which has the "
                "database open; that server's log on stderr has the details",
            )
        return None if self._stopped else frame

    def _handover_is_over(self) -> bool:
        return anyio.current_time() > self._started + self._config.lock_handover

    def _validated(
        self, method: Method, arguments: dict[str, Any], member: Member
    ) -> BaseModel | None:
        """Validates a request. The follower has done so: if it fails here, the versions differ."""
        if method.request is None:
            return None
        try:
            return method.request.model_validate(arguments)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            field = ".".join(str(part) for part in first["loc"])
            problem = self._unknown(f"this value ({first['msg']})", member)
            raise InvalidInput(field, problem) from None  # its text repeats the arguments

    def _unknown(self, what: str, member: Member) -> str:
        return (
            f"{what} is not understood by mcp-learning {self.member.version} in process "
            f"{self.member.pid}, which has the database open; this is version {member.version}: "
            "restart the agent that started the older one"
        )

    def _admits(self, hello: Hello) -> bool:
        return hmac.compare_digest(hello.token.encode(), self._token.encode())

    @contextmanager
    def _listed(self, hello: Hello) -> Iterator[None]:
        number = next(self._numbers)
        pid = hello.member.pid
        if hello.follows:
            self._followers[number] = hello.member
            self._note(f"process {pid} (mcp-learning {hello.member.version}) follows")
        try:
            yield
        finally:
            if self._followers.pop(number, None):
                self._note(f"process {pid} follows no longer")

    def _note(self, event: str) -> None:
        self._recorder.journal.note(event)

    def _with_members(self, result: Any) -> Any:
        if isinstance(result, Health):
            members = {"leader": self.member, "followers": list(self._followers.values())}
            return result.model_copy(update=members)
        if isinstance(result, Stats):
            return result.model_copy(update={"health": self._with_members(result.health)})
        return result


class _FollowerConnection:
    """One follower's connection and its calls in flight."""

    def __init__(self, leader: Leader, channel: Channel, hello: Hello) -> None:
        self._leader = leader
        self._channel = channel
        self._member = hello.member
        self._excluded_repos = hello.excluded_repos
        self._in_flight: dict[int, anyio.CancelScope] = {}

    async def run(self) -> None:
        """Answers until the connection ends; calls that are in flight then are cancelled."""
        async with anyio.create_task_group() as group:
            group.start_soon(self._channel.write)
            async for frame in self._channel.frames():
                match frame:
                    case Call():
                        scope = self._in_flight[frame.id] = anyio.CancelScope()
                        group.start_soon(self._answer, frame, scope)
                    case Cancel() if frame.id in self._in_flight:
                        self._in_flight[frame.id].cancel()
                    case Ping():
                        self._send(Pong())
                    case _:
                        pass
            group.cancel_scope.cancel()

    async def _answer(self, call: Call, scope: anyio.CancelScope) -> None:
        with scope:
            progress = partial(self._report, call.id)
            try:
                # A process that was stopped for long may read a call whose follower is gone. The
                # end of the connection is read next, and cancels the call here.
                await anyio.lowlevel.checkpoint()
                with excluded_by_caller(self._excluded_repos):
                    frame = await self._leader.answer(call, progress, self._member)
                if frame is not None:
                    self._send(frame)
            finally:
                del self._in_flight[call.id]

    async def _report(self, call: int, share: float, message: str) -> None:
        self._send(ProgressUpdate(id=call, share=share, message=message))

    def _send(self, frame: Frame) -> None:
        try:
            self._channel.send(frame)
        except Disconnected:
            pass
        except LearningError as error:
            if isinstance(frame, Result):
                self._send(frames.failure(frame.id, error))
