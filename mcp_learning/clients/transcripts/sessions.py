"""A session of an agent: its events in order, and the tasks that they form."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from mcp_learning.clients.transcripts.boundaries import begins_task, words
from mcp_learning.clients.transcripts.events import (
    LONGEST_TEXT,
    Action,
    Interrupt,
    Prompt,
    Reply,
    ServiceError,
    SessionEvent,
    ToolCall,
    Usage,
)
from mcp_learning.clients.values import as_objects, clean

_MOST_TOOLS = 200  # different tools that are counted by name in a task
_MOST_FILES = 10_000

_TEXT_BLOCKS = (None, "text", "input_text", "output_text")


@dataclass
class Task:
    """A request of the user with its follow-ups, and all events until the next request.

    Events are in order; the first is the prompt.
    """

    session: "Session"
    events: list[SessionEvent]

    @property
    def first(self) -> Prompt:
        """The first prompt, whose name identifies the task."""
        first = self.events[0]
        assert isinstance(first, Prompt)
        return first

    @property
    def ended(self) -> datetime | None:
        """Time of the last event or output, UTC; None if none is later than the first prompt."""
        times = [one.at for one in self.events]
        times += [one.answered for one in self.calls if one.answered]
        last = max(times)
        return last if last > self.first.at else None

    @property
    def prompts(self) -> list[Prompt]:
        """The user's prompts."""
        return [one for one in self.events if isinstance(one, Prompt)]

    @property
    def replies(self) -> list[Reply]:
        """The agent's replies."""
        return [one for one in self.events if isinstance(one, Reply)]

    @property
    def calls(self) -> list[ToolCall]:
        """The calls of tools."""
        return [one for one in self.events if isinstance(one, ToolCall)]

    @property
    def edits(self) -> list[ToolCall]:
        """The calls that changed files."""
        return [one for one in self.calls if one.is_edit]

    @property
    def commands(self) -> list[ToolCall]:
        """The calls that ran a command."""
        return [one for one in self.calls if one.action is Action.RUN]

    @property
    def cwd(self) -> str:
        """The first known working directory; empty if unknown."""
        return next((one.cwd for one in self.events if one.cwd), "")

    @property
    def branch(self) -> str:
        """The branch of the repository; empty if unknown."""
        return next((one.branch for one in self.events if one.branch), "")

    @property
    def model(self) -> str:
        """Name of the last model; empty if unknown."""
        models = (one.model for one in reversed(self.events) if isinstance(one, Usage))
        return next(filter(None, models), "")

    @property
    def tokens(self) -> int:
        """Number of tokens of uncached input and of output."""
        return sum(one.tokens for one in self.events if isinstance(one, Usage))

    @property
    def cost(self) -> float | None:
        """In USD; None if unknown."""
        costs = [one.cost for one in self.events if isinstance(one, Usage)]
        known = [one for one in costs if one is not None]
        return sum(known) if known else None

    @property
    def tools(self) -> Counter[str]:
        """How often each tool was used."""
        found: Counter[str] = Counter()
        for one in self.calls:
            name = clean(one.tool, 100) or "unknown"
            known = name in found or len(found) < _MOST_TOOLS
            found[name if known else "further"] += 1
        return found

    @property
    def files(self) -> list[str]:
        """Files that the agent wrote to, each once."""
        found = dict.fromkeys(file for one in self.edits for file in one.files)
        return list(found)[:_MOST_FILES]

    @property
    def interrupted(self) -> bool:
        """Whether the user stopped the agent."""
        return any(isinstance(one, Interrupt) for one in self.events)

    @property
    def trouble(self) -> ServiceError | None:
        """The error of the model's service at its end; None if the agent continued after it."""
        for one in reversed(self.events):
            if isinstance(one, ServiceError):
                return one
            if isinstance(one, (Reply, ToolCall)):
                return None
        return None

    @property
    def recorded(self) -> set[UUID]:
        """Executions that the agent created with record_execution."""
        return {task_id for one in self.calls for task_id in one.recorded}

    @property
    def is_recorded(self) -> bool:
        """Whether the agent called record_execution successfully."""
        return any(one.action is Action.RECORD and not one.failed for one in self.calls)


@dataclass
class Session:
    """The events of a session, in their order.

    Attributes:
        client: The client's name.
        id: The client's id of the session.
        events: Events from the first prompt on.
        remote: Address of the repository; empty if unknown.
        commit: The commit that was checked out at the start; empty if unknown.
        parent: Id of the parent session of a subagent's session; empty for others.
    """

    client: str
    id: str = ""
    events: list[SessionEvent] = field(default_factory=list)
    remote: str = ""
    commit: str = ""
    parent: str = ""
    _begins: list[int] = field(default_factory=list)
    _usage: Usage | None = None
    _has_worked: bool = False
    _words: set[str] = field(default_factory=set)  # of the latest task's prompts and replies

    def add(self, event: SessionEvent) -> None:
        """Adds an event; events before the first prompt belong to no task and are dropped."""
        if isinstance(event, Prompt):
            self._add_prompt(event)
        elif not self.events:
            return
        elif isinstance(event, Usage):
            self._add_usage(event)
        else:
            if isinstance(event, Reply):
                event.text = event.text[:LONGEST_TEXT]
                self._words |= words(event.text)
            self._has_worked = self._has_worked or isinstance(event, ToolCall)
            self.events.append(event)

    def add_delegated(self, work: "SubagentSession") -> None:
        """Adds what a subagent did to the latest task, whose model remains that of the agent."""
        for event in work.events:
            if isinstance(event, Usage):
                event.model = ""
            self.add(event)

    def _add_prompt(self, prompt: Prompt) -> None:
        if not self.events and prompt.is_answer:
            return
        prompt.text = prompt.text[:LONGEST_TEXT]
        self._usage = None
        if not self.events or begins_task(
            prompt, self.events[self._begins[-1] :], self._words, has_worked=self._has_worked
        ):
            self._begins.append(len(self.events))
            self._words = set()
        self._words |= words(prompt.text)
        self.events.append(prompt)

    def _add_usage(self, usage: Usage) -> None:
        if self._usage is None:
            self._usage = usage
            self.events.append(usage)
            return
        self._usage.model = usage.model or self._usage.model
        self._usage.tokens += usage.tokens
        if usage.cost is not None:
            self._usage.cost = (self._usage.cost or 0.0) + usage.cost

    @property
    def tasks(self) -> list[Task]:
        """The tasks in their order."""
        ends = [*self._begins[1:], len(self.events)][: len(self._begins)]
        return [
            Task(self, self.events[begin:end])
            for begin, end in zip(self._begins, ends, strict=True)
        ]

    @property
    def latest(self) -> Task | None:
        """The last task; None if there is no prompt."""
        return Task(self, self.events[self._begins[-1] :]) if self._begins else None


class SubagentSession(Session):
    """The tool calls and the usage of a subagent; its prompts are not the user's."""

    def add(self, event: SessionEvent) -> None:
        """Adds an event of these kinds."""
        if isinstance(event, (ToolCall, Usage)):
            self.events.append(event)


def text_of(content: object) -> str:
    """The text of a message or an output, whose content is a text or a list of blocks."""
    if isinstance(content, str):
        return content
    told = [one for one in as_objects(content) if one.get("type") in _TEXT_BLOCKS]
    return "\n".join(text for one in told if isinstance(text := one.get("text"), str))
