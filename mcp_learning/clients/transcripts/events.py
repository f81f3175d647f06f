"""The events of an agent's session, the same for every client.

Readers make these events of the lines that a client wrote. Texts are truncated, so that a session
of any length takes little memory; of an output the end is kept, where results usually are.
"""

import re
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from mcp_learning.clients.transcripts import wording

LONGEST_TEXT = 40_000
"""Characters of a prompt or a reply that are kept."""

_LONGEST_OUTPUT = 2_000  # characters, from its end, of what a command or a failed tool printed
_LONGEST_OTHER_OUTPUT = 400  # the same of other tools, such as those that read files
RECORDING_TOOL = "record_execution"

_COMMITTED = re.compile(r"^\[[^\]\n]+ (?P<hash>[0-9a-f]{7,40})\] (?P<subject>.*)", re.MULTILINE)
"""What `git commit` prints: `[branch hash] subject`. Lines of logs may look alike."""
_CHANGED = re.compile(r"\n(?: (?:Date|Author|Committer): [^\n]*\n)* \d+ files? changed")
"""What it prints next."""
_ID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_CREATED = re.compile(
    rf"""\bRecorded ({_ID})\b|\btask_id\\?": ?\\?"({_ID})[^{{}}]*\bcreated\\?": ?true"""
)
"""The answer of record_execution, as text or as JSON, possibly nested in a JSON string."""


class Action(StrEnum):
    """What a tool does, independent of the client's name for it."""

    RUN = "run"
    EDIT = "edit"
    PLAN = "plan"
    ASK = "ask"
    DELEGATE = "delegate"
    RECORD = "record"
    OTHER = "other"


class Trouble(StrEnum):
    """Why the service of a model failed."""

    LIMIT = "limit"
    LOGIN = "login"
    ERROR = "error"


@dataclass(slots=True, kw_only=True)
class SessionEvent:
    """An event.

    Attributes:
        at: Its time, UTC.
        cwd: The agent's working directory at that time; empty if unknown.
        branch: The branch of the repository at that time; empty if unknown.
    """

    at: datetime
    cwd: str = ""
    branch: str = ""


@dataclass(slots=True, kw_only=True)
class Prompt(SessionEvent):
    """A prompt of the user, without what the client added around it.

    Attributes:
        where: Its position in the file, for messages.
        name: Unique among the prompts of a client, and the same whenever the session is read.
        is_queued: Whether it was sent while the agent worked.
        is_answer: Whether it answers a question of the agent, accepts its plan, or explains the
            refusal of a tool.
        in_plan_mode: Whether the agent was only to plan.
        is_expanded: Whether it is a command that the client replaced by its template.
    """

    text: str
    where: str
    name: str
    is_queued: bool = False
    is_answer: bool = False
    in_plan_mode: bool = False
    is_expanded: bool = False

    @property
    def is_command(self) -> bool:
        """Whether it is a slash command, which counts as a request."""
        return self.is_expanded or wording.is_command(self.text)


@dataclass(slots=True, kw_only=True)
class Reply(SessionEvent):
    """A reply of the agent."""

    text: str


@dataclass(slots=True, kw_only=True)
class ToolCall(SessionEvent):
    """A call of a tool.

    Attributes:
        tool: The client's name of the tool.
        command: The command line of a `RUN`; empty for others.
        files: Files that it wrote to, as the agent named them.
        failed: Whether it failed; None: no output yet, for instance if it runs in the background.
        status: Exit status of a command; None: unknown.
        output: The end of its output.
        is_rejected: Whether the user refused or stopped it.
        answered: Time of the output, UTC.
        recorded: Executions that it created with record_execution.
    """

    tool: str
    action: Action = Action.OTHER
    command: str = ""
    files: tuple[str, ...] = ()
    failed: bool | None = None
    status: int | None = None
    output: str = ""
    is_rejected: bool = False
    answered: datetime | None = None
    recorded: set[UUID] = field(default_factory=set)

    def answer(self, text: str, *, failed: bool | None, status: int | None = None) -> None:
        """Sets the output and its status; a later output replaces an earlier one."""
        if self.action is Action.RECORD and not failed:
            self.recorded |= {UUID(one[1] or one[2]) for one in _CREATED.finditer(text)}
        is_told = failed or self.action is Action.RUN
        limit = _LONGEST_OUTPUT if is_told else _LONGEST_OTHER_OUTPUT
        self.failed, self.status, self.output = failed, status, _end(text, limit)

    @property
    def is_edit(self) -> bool:
        """Whether it changed files."""
        return bool(self.files) and not self.failed

    @property
    def commits(self) -> list[str]:
        """Short hashes of the commits in the output of `git commit`."""
        return [found["hash"] for found in self._committed()]

    @property
    def commit_subjects(self) -> list[str]:
        """First lines of the messages of these commits."""
        return [found["subject"] for found in self._committed()]

    def _committed(self) -> list[re.Match[str]]:
        if self.action is not Action.RUN or self.failed:
            return []
        found = _COMMITTED.finditer(self.output)
        is_git = "git" in self.command
        return [one for one in found if is_git or _CHANGED.match(self.output, one.end())]


@dataclass(slots=True, kw_only=True)
class Interrupt(SessionEvent):
    """The user stopped the agent."""


@dataclass(slots=True, kw_only=True)
class ServiceError(SessionEvent):
    """An error of the model's service, with the client's message."""

    text: str
    trouble: Trouble


@dataclass(slots=True, kw_only=True)
class Notice(SessionEvent):
    """A notice of the client to the agent, such as that a background task has ended."""

    text: str


@dataclass(slots=True, kw_only=True)
class Usage(SessionEvent):
    """Usage of a model.

    Attributes:
        model: Its name; empty if unknown.
        tokens: Number of tokens of uncached input and of output.
        cost: In USD; None if unknown.
    """

    model: str = ""
    tokens: int = 0
    cost: float | None = None


def _end(text: str, limit: int) -> str:
    """The last `limit` characters, from the start of a line, or else of a word.

    The rest of a secret that was cut could not be recognised.
    """
    if len(text) <= limit:
        return text
    end = text[-limit:]
    lines = end.partition("\n")[2]
    return lines if len(lines) > limit // 2 else end.partition(" ")[2]
