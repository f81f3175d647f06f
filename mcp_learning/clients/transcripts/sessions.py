"""A session of an agent: its tasks, each from what the user asked to the last thing done for it."""

import re
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from mcp_learning.clients.values import clean

SHORT_PROMPT = 20
"""Characters below which a prompt ("yes, go on") belongs to the task before it."""

_MOST_TOOLS = 200
"""Different tools that are counted by name in a task."""

_MOST_FILES = 10_000

_RECORDING_TOOL = "record_execution"

_ID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_CREATED = re.compile(
    rf"""\bRecorded ({_ID})\b|\btask_id\\?": ?\\?"({_ID})[^{{}}]*\bcreated\\?": ?true"""
)
"""The answer of record_execution, as text or as JSON, which may be in a text of JSON again."""

_TEXT_BLOCKS = (None, "text", "input_text", "output_text")


@dataclass
class Task:
    """What is known of a task while its session is being read.

    Attributes:
        where: Its place in the file, for messages.
        name: Unique among the tasks of a client, and the same whenever the session is read.
        prompt: What the user asked.
        started: Time of the prompt, UTC.
        ended: Time of the last thing that happened, UTC; None if nothing with a time did.
        session: Id of the session.
        cwd: Where the agent worked; empty if unknown.
        branch: The branch of the repository; empty if unknown.
        remote: Address of the repository, if the session has it.
        model: Name of the last model; empty if unknown.
        reply: What the agent said last.
        tokens: Input that was not cached, and output.
        cost: In USD; None if unknown.
        tools: How often each tool was used.
        files: Files that the agent wrote to.
        tool_errors: How many uses of tools failed.
        last_error: What the last of them told.
        interrupted: Whether the user stopped the agent.
        failure: Why the agent could not go on; empty if it could.
        recorded: Executions that the agent created for it with record_execution.
    """

    where: str
    name: str
    prompt: str
    started: datetime
    ended: datetime | None = None
    session: str = ""
    cwd: str = ""
    branch: str = ""
    remote: str = ""
    model: str = ""
    reply: str = ""
    tokens: int = 0
    cost: float | None = None
    tools: Counter[str] = field(default_factory=Counter)
    files: set[str] = field(default_factory=set)
    tool_errors: int = 0
    last_error: str = ""
    interrupted: bool = False
    failure: str = ""
    recorded: set[UUID] = field(default_factory=set)
    _recording: set[str] = field(default_factory=set)

    def at(self, moment: datetime | None) -> None:
        """Something happened at this time."""
        if moment is not None and moment > (self.ended or self.started):
            self.ended = moment

    def said(self, text: str) -> None:
        """The agent said something, so it could go on after a failure."""
        if text.strip():
            self.reply, self.failure = text, ""

    def used(self, tool: object, call: object = None) -> None:
        """The agent used a tool; `call` is what its answer will name."""
        name = clean(str(tool), 100) or "unknown"
        known = name in self.tools or len(self.tools) < _MOST_TOOLS
        self.tools[name if known else "further"] += 1
        if name.endswith(_RECORDING_TOOL):
            self._recording.add(str(call))

    def answered(self, call: object, text: str) -> None:
        """A tool answered, without an error."""
        if str(call) in self._recording:
            self.recorded |= {UUID(one[1] or one[2]) for one in _CREATED.finditer(text)}

    def failed(self, text: str) -> None:
        """A tool failed."""
        self.tool_errors += 1
        self.last_error = text or self.last_error

    def wrote(self, file: object) -> None:
        """The agent wrote to a file."""
        if isinstance(file, str) and len(self.files) < _MOST_FILES:
            self.files.add(file)

    @property
    def is_recorded(self) -> bool:
        """Whether the agent has recorded an execution by itself."""
        return any(tool.endswith(_RECORDING_TOOL) for tool in self.tools)


@dataclass
class Session:
    """The tasks of a session, in their order.

    Attributes:
        client: The client that wrote it.
        is_whole: Whether it was read from its beginning.
        tasks: Without what was before the first prompt that was read.
    """

    client: str
    is_whole: bool = True
    tasks: list[Task] = field(default_factory=list)

    @property
    def latest(self) -> Task | None:
        """The task at hand."""
        return self.tasks[-1] if self.tasks else None

    def is_new_task(self, prompt: str) -> bool:
        """Whether a prompt begins a task, rather than going on with the one before."""
        return len(prompt.strip()) >= SHORT_PROMPT or (not self.tasks and self.is_whole)


def text_of(content: object) -> str:
    """The text in a message, or in what a tool told: the content itself, or blocks of it."""
    if isinstance(content, str):
        return content
    blocks = content if isinstance(content, list) else []
    texts = (
        block.get("text")
        for block in blocks
        if isinstance(block, dict) and block.get("type") in _TEXT_BLOCKS
    )
    return "\n".join(text for text in texts if isinstance(text, str))
