"""The messages between a follower and its leader: JSON frames, distinguished by `type`.

The handshake is `hello` from the follower and `welcome` from the leader, which may refuse. Then the
follower sends calls, which are answered in any order by a result or a failure, with progress before
it. It may cancel a call; a ping is answered at once. Unknown fields are ignored, so that fields can
be added. Any other change to what frames or a method's arguments mean has to increase
`blocking_client.PROTOCOL`.
"""

from functools import cache
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from mcp_learning import errors
from mcp_learning.errors import InvalidInput, LearningError
from mcp_learning.models.health import Member


class _Frame(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", defer_build=True)


class Hello(_Frame):
    """A follower's first frame.

    Attributes:
        token: Of the leader's address.
        follows: Whether it stays and can take over; False for a command.
        excluded_repos: Patterns of repositories of which none of its calls may store anything.
    """

    type: Literal["hello"] = "hello"
    protocol: int
    token: str
    member: Member
    follows: bool
    excluded_repos: str = ""


class Welcome(_Frame):
    """The leader's answer to `hello`; refused: the protocols differ, and the connection ends."""

    type: Literal["welcome"] = "welcome"
    protocol: int
    leader: Member
    refused: bool = False


class Call(_Frame):
    """Calls a method of `Learning` by name; the follower uses each `id` once."""

    type: Literal["call"] = "call"
    id: int
    method: str
    arguments: dict[str, Any]


class Cancel(_Frame):
    """Cancels a call, which then gets no answer."""

    type: Literal["cancel"] = "cancel"
    id: int


class ProgressUpdate(_Frame):
    """How far a call is: the share done, 0..1, and what is being done."""

    type: Literal["progress"] = "progress"
    id: int
    share: float
    message: str


class Result(_Frame):
    """The result of a call."""

    type: Literal["result"] = "result"
    id: int
    value: Any


class Failure(_Frame):
    """The error of a call: the name of its class in `errors`, and its message."""

    type: Literal["failure"] = "failure"
    id: int
    kind: str
    message: str
    field: str | None = None


class Ping(_Frame):
    """Asks whether the leader still runs."""

    type: Literal["ping"] = "ping"


class Pong(_Frame):
    """Answers a ping."""

    type: Literal["pong"] = "pong"


Frame = Hello | Welcome | Call | Cancel | ProgressUpdate | Result | Failure | Ping | Pong


@cache  # a server that nobody follows needs none
def _frames() -> TypeAdapter[Frame]:
    return TypeAdapter(Annotated[Frame, Field(discriminator="type")])


def encode(frame: Frame) -> bytes:
    """Returns a frame as JSON."""
    return frame.model_dump_json().encode()


def decode(data: bytes) -> Frame:
    """Returns the frame that `data` holds; raises ValueError if it holds none."""
    return _frames().validate_json(data)


def failure(call: int, error: LearningError) -> Failure:
    """Returns the frame for an expected error."""
    field = error.field if isinstance(error, InvalidInput) else None
    return Failure(id=call, kind=type(error).__name__, message=str(error), field=field)


def error_of(frame: Failure) -> LearningError:
    """Returns the error of a frame: of the same class, or `LearningError` if that is unknown."""
    kind = getattr(errors, frame.kind, LearningError)
    if not (isinstance(kind, type) and issubclass(kind, LearningError)):
        kind = LearningError
    error: LearningError = kind.__new__(kind)
    error.args = (frame.message,)
    if isinstance(error, InvalidInput):
        error.field = frame.field or ""
    return error
