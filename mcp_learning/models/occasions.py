"""Events that a client's hooks report, and the remarks that the agent gets in return."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from mcp_learning.models.fields import Model, Request

Event = Literal["start", "prompt", "before", "after", "failure"]

LONGEST_TEXT = 20_000  # characters of a prompt or of an error

MOST_FILES = 20


class Occasion(Request):
    """An event in an agent's session, as a hook reports it.

    Attributes:
        event: start: a session begins, or its context is cleared; prompt: the user has written;
            before: a command or an edit is about to run; after: a tool has succeeded; failure: a
            tool has failed.
        session: The client's id of the session; without one, nothing is remembered of it.
        cwd: Directory of the session.
        text: The prompt, the error, or the reason of a start.
        speaks: Whether the client passes the hook's answer to the agent. If not, a remark is held
            back until the next event that can.
    """

    event: Event
    client: Annotated[str, Field(max_length=100)] = ""
    session: Annotated[str, Field(max_length=200)] = ""
    cwd: Annotated[str, Field(max_length=4_096)] = ""
    text: Annotated[str, Field(max_length=LONGEST_TEXT)] = ""
    command: Annotated[str, Field(max_length=LONGEST_TEXT)] = ""
    files: Annotated[list[str], Field(max_length=MOST_FILES)] = []
    speaks: bool = True


class Remark(Model):
    """The answer to an event: a text for the agent, or "", and the executions that it names."""

    text: str = ""
    task_ids: list[UUID] = []
