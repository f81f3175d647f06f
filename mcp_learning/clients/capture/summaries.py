"""Texts of a task's record: description, solution and error, from the events of its session."""

import re
from dataclasses import dataclass

from mcp_learning.clients.transcripts import wording
from mcp_learning.clients.transcripts.events import Notice, Prompt, Reply, ToolCall
from mcp_learning.clients.transcripts.sessions import Task
from mcp_learning.clients.transfer.imported import clean_and_truncate

_LONGEST_FOLLOW_UP = 2_000  # characters of each further prompt in a description
_SUBSTANTIAL = 160  # least characters of a reply that describes the work
_LONGEST_CLOSING = 1_000  # most characters of a closing reply that is added to it
LONGEST_CLOSED = 400
"""Most characters of a closing reply that begins with "Committed" or "Tests pass"."""

_LONGEST_EARLIER = 4_000  # characters of replies of earlier turns that are kept
_MOST_COMMITS = 5  # commits whose subjects are named
_MOST_FILES = 10  # files that are named if the replies name none


def description(task: Task) -> str:
    """The request and the user's additions to it, without prompts that only agree.

    A prompt that is part of an earlier one, or the beginning of a later one, is left out.
    """
    first, *further = task.prompts
    said = [first.text.strip()]
    for prompt in further:
        text = prompt.text.strip()
        if not wording.is_go_ahead(text) and not any(text in earlier for earlier in said):
            text = clean_and_truncate(text, _LONGEST_FOLLOW_UP)
            said = [*(one for one in said if not text.startswith(one)), text]
    return "\n\n".join(said)


def solution(task: Task) -> str:
    """What was done and decided.

    First the last substantial reply after the last edit, then the closing replies ("Committed …"),
    the subjects of commits, and the last replies of earlier turns, latest first, up to a limit.
    Replies that the user complained about are left out.
    """
    turns = [one for one in _turns(task) if one.reply]
    if not turns:
        return ""
    edited = max((at for at, one in enumerate(turns) if one.has_edits), default=0)
    telling = [at for at, one in enumerate(turns) if one.is_telling]
    main = next((at for at in reversed(telling) if at >= edited), None)
    if main is None:
        last_two = range(len(turns))[-2:]
        main = telling[-1] if telling else max(last_two, key=lambda at: len(turns[at].reply))
    parts = [turns[main].reply]
    parts += [one.reply for one in turns[main + 1 :] if len(one.reply) <= _LONGEST_CLOSING]
    subjects = dict.fromkeys(text for one in task.commands for text in one.commit_subjects)
    parts += [f"Committed: {'; '.join(list(subjects)[:_MOST_COMMITS])}"] if subjects else []
    names = [re.split(r"[\\/]", file)[-1] for file in task.files[:_MOST_FILES]]
    if names and not any(name in part for name in names for part in parts):
        parts.append(f"Changed: {', '.join(names)}")
    room = _LONGEST_EARLIER
    for one in reversed([turns[at] for at in telling if at < main]):
        room -= len(one.reply)
        if room < 0:
            break
        if not one.is_rejected:
            parts.append(one.reply)
    return "\n\n".join(parts)


def error(task: Task) -> str:
    """Output of the last tool call if that failed; empty otherwise."""
    calls = [one for one in task.calls if one.failed is not None and not one.is_rejected]
    return calls[-1].output.strip() if calls and calls[-1].failed else ""


@dataclass
class _Turn:
    """The agent's last reply to a prompt, and what followed."""

    reply: str = ""
    has_edits: bool = False
    is_rejected: bool = False
    is_notice: bool = False

    @property
    def is_telling(self) -> bool:
        """Whether the reply describes the work, rather than announcing that it is done."""
        least = LONGEST_CLOSED if wording.pattern("closing").match(self.reply) else _SUBSTANTIAL
        return len(self.reply) >= least

    def said(self, text: str) -> None:
        """Adds a reply, unless it is an announcement or a short answer to a notice."""
        is_short = len(text) < _SUBSTANTIAL
        is_empty = (is_short and wording.pattern("announcement").match(text)) or (
            len(text) < 2 * _SUBSTANTIAL and wording.pattern("nothing").match(text)
        )
        if not is_empty and not (self.is_notice and not self.has_edits and is_short):
            self.reply = text


def _turns(task: Task) -> list[_Turn]:
    found: list[_Turn] = []
    for one in task.events:
        if isinstance(one, Prompt):
            if found and wording.is_complaint(one.text):
                found[-1].is_rejected = True
            found.append(_Turn())
        elif isinstance(one, Notice):
            found.append(_Turn(is_notice=True))
        elif isinstance(one, Reply):
            found[-1].said(one.text.strip())
        elif isinstance(one, ToolCall) and one.is_edit:
            found[-1].has_edits = True
    return found
