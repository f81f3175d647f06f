"""One life of a server process: several calls in flight, until it is killed."""

import json
import os
import signal
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
from process.wire import INITIALIZE, Server

TRIES = 5_000
"""Calls after which something that is waited for is taken for lost."""

WAITING = "can't be found by meaning yet"
UNDER_WAY = "a rebuild is under way"

State = Mapping[str, Any] | None
"""What the truth holds of a task id: its fields, or None where there is no such execution."""


@dataclass(frozen=True)
class Call:
    """A tool call, and what is known of it when it is sent.

    Attributes:
        tool: Name of the tool.
        arguments: Its arguments.
        changes: The state of each task id that it touches, once it is acknowledged.
        gone: Task ids that were forgotten before: no answer may name them.
    """

    tool: str
    arguments: dict[str, Any]
    changes: dict[str, State] = field(default_factory=dict)
    gone: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Answer:
    """What the server said to a call."""

    call: Call
    result: dict[str, Any]

    @property
    def content(self) -> dict[str, Any]:
        """The structured content; a failure says which call failed, and how."""
        assert not self.failed, f"{self.call.tool} {self.call.arguments}: {self.text}"
        content: dict[str, Any] = self.result["structuredContent"]
        return content

    @property
    def failed(self) -> bool:
        """Whether it is a tool error."""
        return bool(self.result.get("isError"))

    @property
    def text(self) -> str:
        """What a language model reads."""
        return str(self.result["content"][0]["text"])


class Life(Server):
    """A server to which calls are sent without waiting for their answers."""

    def __init__(self, data_dir: Path, search_mode: str) -> None:
        super().__init__(data_dir, MCP_LEARNING_SEARCH_MODE=search_mode)
        self.in_flight: dict[int, Call] = {}

    def greet(self) -> None:
        """Sends the handshake, and waits for nothing."""
        self.send({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": INITIALIZE})
        self.send({"jsonrpc": "2.0", "method": "notifications/initialized"})

    def start(self, call: Call) -> None:
        """Sends a call."""
        params = {"name": call.tool, "arguments": call.arguments}
        self.in_flight[self.send_request("tools/call", params)] = call

    def answer(self) -> Answer | None:
        """The next answer, to whichever call; None: that to the handshake."""
        return self._match(self.receive())

    def answers_to(self, calls: list[Call]) -> list[Answer]:
        """Sends calls, then waits for their answers."""
        for call in calls:
            self.start(call)
        return self.answers(calls)

    def answers(self, calls: list[Call]) -> list[Answer]:
        """Answers to calls that were sent, in their order; returns when nothing is in flight."""
        answers: dict[int, Answer] = {}
        while self.in_flight:
            if answer := self.answer():
                answers[id(answer.call)] = answer
        return [answers[id(call)] for call in calls]

    def hang_up(self) -> None:
        """Closes stdin, as a client that leaves."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.stdin = None  # communicate() would flush it

    def kill(self) -> list[psutil.Process]:
        """SIGKILL; returns the processes that it had started, seen at that very moment."""
        self.process.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, self.process.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)
        children = []
        if self.process.poll() is None:
            children = psutil.Process(self.process.pid).children(recursive=True)
        self.process.kill()
        self.process.wait(timeout=30)
        return children

    def last_words(self) -> Iterator[Answer]:
        """Answers that were on their way when it was killed; a line cut short is none."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if line.endswith(b"\n") and (answer := self._match(_parsed(line))):
                yield answer

    def _match(self, message: dict[str, Any]) -> Answer | None:
        if message.get("id") == 0 or "id" not in message:
            return None
        call = self.in_flight.pop(message["id"])
        if "error" in message:  # as for what a closing server has no time for
            text = message["error"]["message"]
            return Answer(call, {"isError": True, "content": [{"text": text}]})
        return Answer(call, message["result"])


def searches(questions: Sequence[dict[str, Any]]) -> list[Call]:
    """One find_similar_tasks for each question."""
    return [Call("find_similar_tasks", question) for question in questions]


def found_by(life: Life, questions: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """What each question finds, once nothing waits for its embedding any more."""
    calls = searches(questions)
    for _ in range(TRIES):
        (first,) = life.answers_to(calls[:1])
        if WAITING not in first.content["search"].get("reason", ""):
            return [answer.content for answer in life.answers_to(calls)]
    raise AssertionError(f"embeddings are still waited for after {TRIES} searches")


def rebuilt(life: Life) -> dict[str, Any]:
    """The report of a rebuild, which waits for one that the server may have started itself."""
    for _ in range(TRIES):
        (answer,) = life.answers_to([Call("rebuild_index", {"preset": "fast"})])
        if not (answer.failed and UNDER_WAY in answer.text):
            return answer.content
    raise AssertionError(f"another rebuild is still under way after {TRIES} calls")


def _parsed(line: bytes) -> dict[str, Any]:
    message: dict[str, Any] = json.loads(line)
    return message
