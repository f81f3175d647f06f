"""Decides where a task ends and the next one begins.

A prompt after the first begins a task unless its follow-up score is high enough: it has few words
that the task didn't have before, the agent was interrupted or asked something, it only talked, the
request was made before, or the words refer to what was just done. After changes, agents usually
offer more, so offers count less then. The words are in `wording`; how the weights were chosen is in
docs/decisions/0051-new-words-begin-a-task.md.
"""

import math
import re
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from datetime import timedelta
from difflib import SequenceMatcher
from itertools import pairwise

from mcp_learning.clients.transcripts import wording
from mcp_learning.clients.transcripts.events import (
    Action,
    Interrupt,
    Prompt,
    Reply,
    ServiceError,
    SessionEvent,
    ToolCall,
)

_NEW_WORDS = 1.25  # weight of the logarithm of their number
_USUAL_NEW_WORDS = 6.0  # more lower the score
_LONG_PAUSE = timedelta(hours=8)  # lowers the score, since users return with another request
_ASKING = (Action.ASK, Action.PLAN)  # with a tool, or by a plan
_SAME = 0.85
_COMPARED = 500

_UNSPACED = "\u0e00-\u0e7f\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af"
_WORD = re.compile(rf"[^\W\d_{_UNSPACED}]{{4,}}")
_CHARACTERS = re.compile(rf"[{_UNSPACED}]{{2,}}")


def words(text: str) -> set[str]:
    """Words of at least four letters; in scripts whose words are short or not separated, pairs."""
    text = text.lower()
    found = set(_WORD.findall(text))
    for run in _CHARACTERS.findall(text):
        found.update(map("".join, pairwise(run)))
    return found


def begins_task(
    prompt: Prompt,
    task: Sequence[SessionEvent],
    known: AbstractSet[str],
    *,
    has_worked: bool = True,
) -> bool:
    """Whether a prompt begins a task, rather than following up the one before.

    Args:
        prompt: The prompt.
        task: The events of the task before, at least its first prompt.
        known: The `words` of its prompts and replies.
        has_worked: Whether a tool was used in the session; otherwise it is a conversation.
    """
    if prompt.is_answer or wording.is_go_ahead(prompt.text):
        return False
    if is_talk(task):
        return True
    last = _last_turn(task)
    if _is_repeated(prompt, task) and (is_stopped(last) or not prompt.is_command):
        return _is_closed(task) or prompt.at - task[-1].at > _LONG_PAUSE
    if prompt.is_command:
        return True
    return _follow_up_score(prompt, task, has_worked) < _weight_of_new_words(prompt.text, known)


def is_talk(task: Sequence[SessionEvent]) -> bool:
    """Whether nothing was asked of the agent: "hi", or a command that it didn't answer ("/clear").

    After "go on", an agent may work; so it is talk only if no tool was used.
    """
    prompts = [one for one in task if isinstance(one, Prompt)]
    is_answered = len(prompts) < len(task)
    return not any(isinstance(one, ToolCall) for one in task) and all(
        wording.is_go_ahead(one.text) or (one.is_command and not is_answered) for one in prompts
    )


def _weight_of_new_words(text: str, known: AbstractSet[str]) -> float:
    """The weight of new words as a sign of a new task; a pair counts as half a word."""
    fresh = set() if wording.is_output(text) else words(text[:_COMPARED]) - known
    number = sum(0.5 if len(word) == 2 else 1.0 for word in fresh)
    return _NEW_WORDS * math.log((1 + number) / (1 + _USUAL_NEW_WORDS))


def _follow_up_score(prompt: Prompt, task: Sequence[SessionEvent], has_worked: bool) -> float:
    """The score of a prompt's other signs of a follow-up; signs of a new task lower it."""
    last = _last_turn(task)
    ties = wording.follow_up_score(prompt.text)
    if is_stopped(last):
        ties += 2.0
    is_asked = any(isinstance(one, ToolCall) and one.action in _ASKING for one in last)
    ties += 1.5 if is_asked else _reply_score(last)
    if prompt.is_queued:
        ties += 0.5
    if not has_worked:
        ties += 1.0
    if _is_closed(task):
        ties -= 1.0
    if prompt.at - task[-1].at > _LONG_PAUSE:
        ties -= 1.0
    return ties


def _last_turn(task: Sequence[SessionEvent]) -> Sequence[SessionEvent]:
    """The events since the last prompt."""
    begin = max(at for at, one in enumerate(task) if isinstance(one, Prompt))
    return task[begin + 1 :]


def is_stopped(turn: Sequence[SessionEvent]) -> bool:
    """Whether the agent was stopped before it had reported, or never answered."""
    for one in reversed(turn):
        if isinstance(one, (Interrupt, ServiceError)):
            return True
        if isinstance(one, ToolCall):
            return one.is_rejected
        if isinstance(one, Reply):
            return False
    return True


def _reply_score(turn: Sequence[SessionEvent]) -> float:
    """The part of the score for the agent's last reply: a question counts more than an offer."""
    said = [one for one in turn if isinstance(one, Reply)]
    if not said:
        return 0.0
    is_question = wording.asks(said[-1].text)
    if any(isinstance(one, ToolCall) and one.is_edit for one in turn):
        return 0.5 if is_question else 0.0
    return 1.5 if is_question else 0.5 if wording.offers(said[-1].text) else 0.0


def _is_closed(task: Sequence[SessionEvent]) -> bool:
    """Whether the work was committed without edits since, or the user said thanks."""
    for one in reversed(task):
        if isinstance(one, ToolCall) and one.is_edit:
            return False
        if isinstance(one, ToolCall) and (one.commits or wording.is_publication(one.command)):
            return True
        if isinstance(one, Prompt) and wording.is_thanks(one.text):
            return True
    return False


def _is_repeated(prompt: Prompt, task: Sequence[SessionEvent]) -> bool:
    """Whether the prompt (nearly) repeats one of the task."""
    matcher = SequenceMatcher(None, "", prompt.text[:_COMPARED], autojunk=False)
    for one in task:
        if isinstance(one, Prompt) and not one.is_answer:
            matcher.set_seq1(one.text[:_COMPARED])
            bounds = (matcher.real_quick_ratio, matcher.quick_ratio, matcher.ratio)
            if all(bound() >= _SAME for bound in bounds):
                return True
    return False
