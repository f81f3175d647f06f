"""What passes between a follower and its leader: JSON frames, told apart by `type`.

The follower says `hello` and is welcomed or refused. Then it sends calls, which are answered in any
order by a result or a failure, with progress before it; it may cancel one, and a ping is answered
at once. Unknown fields are passed over, so that fields can be added; whatever else changes what
frames mean, or the meaning of a method's arguments, has to count up `PROTOCOL`.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from mcp_learning import errors
from mcp_learning.cluster.blocking_client import PROTOCOL as PROTOCOL
from mcp_learning.errors import InvalidInput, LearningError
from mcp_learning.models.results import Member


class _Frame(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Hello(_Frame):
    """A follower's first frame. `follows`: it stays, and will take over; a command doesn't."""

    type: Literal["hello"] = "hello"
    protocol: int
    token: str
    member: Member
    follows: bool


class Welcome(_Frame):
    """The leader's answer to `hello`; refused: the protocols differ, and the connection ends."""

    type: Literal["welcome"] = "welcome"
    protocol: int
    leader: Member
    refused: bool = False


class Call(_Frame):
    """Calls a method of `methods` by name; `id` is the follower's, used once."""

    type: Literal["call"] = "call"
    id: int
    method: str
    arguments: dict[str, Any]


class Cancel(_Frame):
    """The call is no longer wanted: it gets no answer."""

    type: Literal["cancel"] = "cancel"
    id: int


class Progress(_Frame):
    """How far a call is: the share done, 0..1, and what is being done."""

    type: Literal["progress"] = "progress"
    id: int
    share: float
    message: str


class Result(_Frame):
    """The call's answer."""

    type: Literal["result"] = "result"
    id: int
    value: Any


class Failure(_Frame):
    """The call's error: the name of its class in `errors`, and its message."""

    type: Literal["failure"] = "failure"
    id: int
    kind: str
    message: str
    field: str | None = None


class Ping(_Frame):
    """Asks for a sign of life."""

    type: Literal["ping"] = "ping"


class Pong(_Frame):
    """Gives it."""

    type: Literal["pong"] = "pong"


Frame = Hello | Welcome | Call | Cancel | Progress | Result | Failure | Ping | Pong

_FRAME: TypeAdapter[Frame] = TypeAdapter(Annotated[Frame, Field(discriminator="type")])


class NotAFrame(Exception):
    """Raised when bytes are not a frame: whoever sent them speaks another language."""


def encode(frame: Frame) -> bytes:
    """A frame as JSON."""
    return frame.model_dump_json().encode()


def decode(data: bytes) -> Frame:
    """The frame that `data` holds.

    Raises:
        NotAFrame: It holds none.
    """
    try:
        return _FRAME.validate_json(data)
    except ValidationError as error:
        raise NotAFrame(f"{len(data)} bytes that are no frame") from error


def failure(call: int, error: LearningError) -> Failure:
    """An expected error on its way to the follower."""
    field = error.field if isinstance(error, InvalidInput) else None
    return Failure(id=call, kind=type(error).__name__, message=str(error), field=field)


def rebuilt(frame: Failure) -> LearningError:
    """The error that a frame carries, of the same class; one that is unknown here is the base."""
    kind = getattr(errors, frame.kind, LearningError)
    if not (isinstance(kind, type) and issubclass(kind, LearningError)):
        kind = LearningError
    error: LearningError = kind.__new__(kind)
    error.args = (frame.message,)
    if isinstance(error, InvalidInput):
        error.field = frame.field or ""
    return error
