"""What the readers of all clients share: where and when something happened, and adding it."""

import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from typing import Any

from mcp_learning.clients.transcripts.events import (
    RECORDING_TOOL,
    Action,
    Interrupt,
    Notice,
    Prompt,
    Reply,
    ServiceError,
    ToolCall,
    Trouble,
    Usage,
)
from mcp_learning.clients.transcripts.sessions import Session
from mcp_learning.clients.transfer.imported import Notes
from mcp_learning.clients.values import as_object, as_text

Line = dict[str, Any]
"""An object of a session's file."""

_LIMIT = re.compile(
    r"(?:usage|rate|session|weekly|hour|opus|sonnet|spend\w*) limit|hit your (?:\w+ )?limit"
    r"|limit reached|out of (?:\w+ )?(?:usage|credits)|credit balance|quota|too many requests"
    r"|\b429\b|insufficient|billing|payment required",
    re.IGNORECASE,
)
_LOGIN = re.compile(
    r"/login\b|not logged in|log ?in again|invalid api key|api key|authenticat|unauthori[sz]ed"
    r"|token (?:has )?(?:expired|been revoked)|\b401\b|\b403\b",
    re.IGNORECASE,
)

NO_SESSION = "not a line of a session"
NO_TIME = "has no time"


class SessionReader(ABC):
    """Makes a session of the lines of a file.

    Attributes:
        session: What has been read.
        notes: Gets what can't be read.
        place: Time, directory and branch of what happens now.
        calls: Calls of tools by the client's ids, as long as they may be answered.
    """

    def __init__(self, session: Session, notes: Notes) -> None:
        self.session = session
        self.notes = notes
        self.place: dict[str, Any] = {}
        self.calls: dict[str, ToolCall] = {}

    @abstractmethod
    def take(self, where: str, line: Line) -> None:
        """Adds a line to the session; `where` is its place in the file."""

    def read(self, lines: Iterable[tuple[str, Line]]) -> Session:
        """Adds all lines."""
        for where, line in lines:
            self.take(where, line)
        return self.session

    def prompt(self, text: str, where: str, name: str, *, in_plan_mode: bool = False) -> Prompt:
        """What the user says here; not added yet."""
        return Prompt(**self.place, text=text, where=where, name=name, in_plan_mode=in_plan_mode)

    def reply(self, text: str) -> None:
        """The agent says something."""
        self.session.add(Reply(**self.place, text=text))

    def use(self, model: str, tokens: float = 0, cost: float | None = None) -> None:
        """The model answered."""
        self.session.add(Usage(**self.place, model=model, tokens=int(tokens), cost=cost))

    def interrupt(self) -> None:
        """The user stops the agent."""
        self.session.add(Interrupt(**self.place))

    def notice(self, text: str) -> None:
        """The client tells the agent something."""
        self.session.add(Notice(**self.place, text=text[:1_000]))

    def fail(self, text: str) -> None:
        """The service of the model does not answer."""
        self.session.add(ServiceError(**self.place, text=text, trouble=trouble(text)))

    def call(
        self, tool: str, given: object, actions: Mapping[str, Action], paths: Iterable[str]
    ) -> ToolCall:
        """The use of a tool here; not added yet.

        Args:
            tool: Its name.
            given: Its arguments; anything but an object has none.
            actions: What the client's tools do.
            paths: Names of the argument that is the file to edit; the first that is given counts.
        """
        values = as_object(given)
        is_record = tool.endswith(RECORDING_TOOL)
        action = Action.RECORD if is_record else actions.get(tool, Action.OTHER)
        command = as_text(values.get("command")) if action is Action.RUN else ""
        file = as_text(next((values[name] for name in paths if values.get(name)), ""))
        files = (file,) if action is Action.EDIT and file else ()
        return ToolCall(**self.place, tool=tool, action=action, command=command, files=files)


def trouble(told: str) -> Trouble:
    """What kind of trouble a message about the service of the model tells of."""
    beginning = told[:500]
    if _LOGIN.search(beginning):
        return Trouble.LOGIN
    return Trouble.LIMIT if _LIMIT.search(beginning) else Trouble.ERROR
