"""The base class of the clients' readers, which makes events with their time and directory."""

import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
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
from mcp_learning.clients.transcripts.templates import typed
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

_IMAGE = re.compile(
    r"\A(?:\s*\[Image #\d+\])++\s*|(?:\s{0,9}\[Image #\d{1,9}\]){1,9}\s{0,9}\Z"  # linear time
)
"""Where clients name pasted images, before and after what the user typed."""
_PATCHED = re.compile(r"\*\*\* (?:Add|Update|Delete) File: ((?:(?!\\n)[^\n\"`])+)")

NO_SESSION = "not a line of a session"
NO_TIME = "has no time"


class SessionReader(ABC):
    """Makes a session of the lines of a file.

    Attributes:
        session: The session read so far.
        notes: Gets lines that can't be read.
        place: Time, directory and branch of the next event.
        calls: Tool calls by the client's ids, until they can no longer get an output.
    """

    def __init__(self, session: Session, notes: Notes) -> None:
        self.session = session
        self.notes = notes
        self.place: dict[str, Any] = {}
        self.calls: dict[str, ToolCall] = {}

    @abstractmethod
    def take(self, where: str, line: Line) -> None:
        """Adds a line to the session; `where` is its position in the file."""

    def read(self, lines: Iterable[tuple[str, Line]]) -> Session:
        """Adds all lines."""
        for where, line in lines:
            self.take(where, line)
        return self.session

    def prompt(self, text: str, where: str, name: str, *, in_plan_mode: bool = False) -> Prompt:
        """Makes a prompt at the current place, without adding it."""
        text = _IMAGE.sub("", text) or text
        said = typed(text)
        return Prompt(
            **self.place,
            text=said,
            where=where,
            name=name,
            in_plan_mode=in_plan_mode,
            is_expanded=said != text,
        )

    def answer(
        self, questions: Sequence[str], answers: Sequence[str], where: str, name: str
    ) -> None:
        """Adds the user's answers to questions of the agent; an empty one is none."""
        both = zip(questions, answers, strict=False)
        said = ", ".join(f'"{asked}"="{told}"' for asked, told in both if told)
        if said:
            prompt = self.prompt(said, where, name)
            prompt.is_answer = True
            self.session.add(prompt)

    def reply(self, text: str) -> None:
        """Adds a reply of the agent."""
        self.session.add(Reply(**self.place, text=text))

    def use(self, model: str, tokens: float = 0, cost: float | None = None) -> None:
        """Adds usage of a model."""
        self.session.add(Usage(**self.place, model=model, tokens=int(tokens), cost=cost))

    def interrupt(self) -> None:
        """Adds an interruption by the user."""
        self.session.add(Interrupt(**self.place))

    def notice(self, text: str) -> None:
        """Adds a notice of the client to the agent."""
        self.session.add(Notice(**self.place, text=text[:1_000]))

    def fail(self, text: str) -> None:
        """Adds an error of the model's service."""
        self.session.add(ServiceError(**self.place, text=text, trouble=trouble(text)))

    def call(
        self, tool: str, given: object, actions: Mapping[str, Action], paths: Iterable[str]
    ) -> ToolCall:
        """Makes a tool call at the current place, without adding it.

        Its arguments `given` are an object, where the first that is given of those named in `paths`
        has the path of an edited file, or the text of a patch; anything else counts as none.
        """
        values = as_object(given)
        is_record = tool.endswith(RECORDING_TOOL)
        action = Action.RECORD if is_record else actions.get(tool, Action.OTHER)
        command = as_text(values.get("command")) if action is Action.RUN else ""
        file = as_text(next((values[name] for name in paths if values.get(name)), ""))
        edited = (file,) if file else patched_files(as_text(given))
        files = edited if action is Action.EDIT else ()
        return ToolCall(**self.place, tool=tool, action=action, command=command, files=files)


def patched_files(text: str) -> tuple[str, ...]:
    """The files that the patches in a text change, in the format of apply_patch."""
    return tuple(file.strip() for file in _PATCHED.findall(text))


def trouble(told: str) -> Trouble:
    """The kind of trouble in an error message of the model's service."""
    beginning = told[:500]
    if _LOGIN.search(beginning):
        return Trouble.LOGIN
    return Trouble.LIMIT if _LIMIT.search(beginning) else Trouble.ERROR
