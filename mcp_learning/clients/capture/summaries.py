"""What a task's record says: what was asked, what was done and decided, and what stopped it."""

import re
from dataclasses import dataclass

from mcp_learning.clients.transcripts import wording
from mcp_learning.clients.transcripts.events import Notice, Prompt, Reply, ToolCall
from mcp_learning.clients.transcripts.sessions import Task

_LONGEST_FOLLOW_UP = 2_000  # characters of each further prompt in a description
_SUBSTANTIAL = 160  # characters from which a reply tells what was done, not that it was
_LONGEST_CLOSING = 1_000  # characters up to which a last word is added to that reply
LONGEST_CLOSED = 400
"""Characters up to which a reply that begins with "Committed" or "Tests pass" is a last word."""

_LONGEST_EARLIER = 4_000  # characters of replies of earlier turns that are kept
_MOST_COMMITS = 5  # commits whose subjects are named
_MOST_FILES = 10  # files that are named where the replies name none


def description(task: Task) -> str:
    """What was asked, and what the user added or settled on the way; go-aheads are left out."""
    first, *further = task.prompts
    said = [first.text.strip()]
    for prompt in further:
        text = prompt.text.strip()
        if not wording.is_go_ahead(text) and not any(text in earlier for earlier in said):
            said.append(text[:_LONGEST_FOLLOW_UP])
    return "\n\n".join(said)


def solution(task: Task) -> str:
    """What was done and decided.

    First the last substantial reply after the last edit, then the last words ("Committed …"), the
    subjects of its commits, and what was said at the end of earlier turns, latest first, as far as
    there is room. Of each turn the last reply counts; none counts that the user complained of.
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
    """What stopped the task: the failure of its last tool, where nothing worked after it."""
    calls = [one for one in task.calls if one.failed is not None and not one.is_rejected]
    return calls[-1].output.strip() if calls and calls[-1].failed else ""


@dataclass
class _Turn:
    """What the agent said last for a prompt, and what became of it."""

    reply: str = ""
    has_edits: bool = False
    is_rejected: bool = False
    is_notice: bool = False

    @property
    def is_telling(self) -> bool:
        """Whether the reply tells what was done, rather than that it was."""
        least = LONGEST_CLOSED if wording.pattern("closing").match(self.reply) else _SUBSTANTIAL
        return len(self.reply) >= least

    def said(self, text: str) -> None:
        """The agent said something; of what a notice made it say, only what tells something."""
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
