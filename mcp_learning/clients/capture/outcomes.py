"""How a task ended, by what its session shows: what the user said, git, tests, how it broke off.

The first rule that applies decides. Its confidence is what hand-labelled endings of real sessions
gave, or less where an ending says little about what was tried (docs/outcomes.md).
"""

import re
from collections.abc import Sequence

from mcp_learning.clients.capture.checks import Kind, kinds, passed, published
from mcp_learning.clients.capture.reactions import Reaction, reaction, rejects_work_before
from mcp_learning.clients.transcripts.events import (
    Action,
    Interrupt,
    Notice,
    Prompt,
    Reply,
    ServiceError,
    SessionEvent,
    ToolCall,
    Usage,
)
from mcp_learning.clients.transcripts.sessions import Task
from mcp_learning.clients.values import truncate
from mcp_learning.models.verdicts import PENDING, Verdict

PRAISED = Verdict("success", "user", 0.95, "the user was content")
PUBLISHED = Verdict("success", "git", 0.95, "committed, pushed or published")
TESTED = Verdict("success", "tests", 0.9, "the last tests passed")
CHECKED = Verdict("success", "tests", 0.8, "the last linters or builds passed")
MOVED_ON = Verdict("success", "user", 0.8, "the user went on with something else")
UNDONE = Verdict("failure", "user", 0.85, "the user took it back")
REJECTED = Verdict("failure", "user", 0.8, "the user's last word was a complaint")
REPEATED = Verdict("failure", "user", 0.7, "the user asked for the same once more")
COMPLAINED = Verdict("failure", "user", 0.6, "the user went on with a complaint")
REFUSED = Verdict("failure", "none", 0.6, "no change was permitted")
BROKE_OFF = Verdict("failure", "none", 0.3, "ended without a result")

_LEAST_ALIKE = 0.8  # share of words in common from which two requests are the same
_FEWEST_WORDS = 4  # of a request that is recognised when other words are added
_QUOTED = 80
_AGAINST = (Reaction.REJECTED, Reaction.REPEATED, Reaction.UNDONE)
_ASIDE = re.compile(r"[/\\](?:scratchpad|te?mp|\.claude|memory)[/\\]", re.IGNORECASE)
_NOT_PERMITTED = re.compile(r"permission|not permitted|not allowed|denied|read-only", re.IGNORECASE)
_WORD = re.compile(r"\w+")


def verdict(task: Task, following: Prompt | None = None) -> Verdict:
    """How a task ended; `following` is the prompt that the next one begins with, if any."""
    complaint = _last_complaint(task)
    attempt = task.events[complaint or 0 :]
    return (
        _by_service_error(task, following)
        or _by_user(attempt, is_complaint=complaint is not None)
        or _by_publishing(attempt)
        or _by_checks(attempt)
        or _by_following(task, following)
        or _by_interruption(task)
        or _by_moving_on(task, following)
        or PENDING
    )


def _last_complaint(task: Task) -> int | None:
    """Where the user last rejected the work, by its position; all before that has failed."""
    found, asked = None, [task.first.text]
    has_worked = False
    for at, event in enumerate(task.events[1:], 1):
        if isinstance(event, Prompt) and not event.is_answer:
            is_repeated = any(_alike(event.text, one) for one in asked)
            if has_worked and (is_repeated or reaction(event.text) in _AGAINST):
                found = at
            asked.append(event.text)
        elif isinstance(event, (Interrupt, ServiceError)):
            has_worked = False  # to ask again is no complaint then
        has_worked = has_worked or isinstance(event, (Reply, ToolCall))
    return found


def _by_user(attempt: Sequence[SessionEvent], *, is_complaint: bool) -> Verdict | None:
    """What the user said of the work last."""
    has_worked = False
    for event in attempt[1:]:
        if isinstance(event, Prompt):
            is_content = not event.is_answer and reaction(event.text) is Reaction.ACCEPTED
            if is_content and has_worked:
                return _quoting(PRAISED, event)
        has_worked = has_worked or isinstance(event, (Reply, ToolCall))
    if is_complaint and isinstance(complaint := attempt[0], Prompt):
        if reaction(complaint.text) is Reaction.UNDONE:
            return _quoting(UNDONE, complaint)
        if not has_worked:
            return _quoting(REJECTED, complaint)
    return None


def _by_publishing(attempt: Sequence[SessionEvent]) -> Verdict | None:
    """A commit, a push, a pull request, a comment."""
    made = [one for one in attempt if isinstance(one, ToolCall) and published(one)]
    commits = [commit for one in made for commit in one.commits]
    if commits:
        return PUBLISHED._replace(why=f"commit {commits[-1]}")
    return PUBLISHED if made else None


def _by_service_error(task: Task, following: Prompt | None) -> Verdict | None:
    """That it ended at an error or a limit of the model's service, and the user didn't try again.

    Also after tests that passed: the agent had not come to its end. What it published since the
    user spoke last is one, and so is praise.
    """
    if task.trouble is None or not isinstance(_last(task), ServiceError):
        return None
    last = max(at for at, one in enumerate(task.events) if isinstance(one, Prompt))
    is_praised = last > 0 and reaction(task.prompts[-1].text) is Reaction.ACCEPTED
    if is_praised or _by_publishing(task.events[last:]):
        return None
    if following and _alike(task.first.text, following.text):
        return PENDING
    return BROKE_OFF._replace(why=f"{BROKE_OFF.why}: {task.trouble.trouble}")


def _by_checks(attempt: Sequence[SessionEvent]) -> Verdict | None:
    """Tests, linters and builds since the last edit, all passed; one that failed says nothing.

    In half of the labelled endings with a failed check the task had succeeded all the same.
    """
    results: dict[Kind, bool] = {}
    for event in attempt:
        if not isinstance(event, ToolCall):
            continue
        if event.is_edit and not all(map(_ASIDE.search, event.files)):
            results = {}
        if (result := passed(event)) is not None:
            results |= dict.fromkeys(kinds(event) & {Kind.TEST, Kind.CHECK}, result)
    if not results or not all(results.values()):
        return None
    return TESTED if Kind.TEST in results else CHECKED


def _by_following(task: Task, following: Prompt | None) -> Verdict | None:
    """That the next request is the same once more, or says that this didn't work."""
    if following is None:
        return None
    if _alike(task.first.text, following.text):
        return PENDING if task.interrupted else REPEATED
    return _quoting(COMPLAINED, following) if rejects_work_before(following.text) else None


def _by_interruption(task: Task) -> Verdict | None:
    """That the user stopped it before there was a result, or permitted no change."""
    last = _last(task)
    if isinstance(last, Interrupt) or (isinstance(last, ToolCall) and last.is_rejected):
        return PENDING
    tried = [one for one in task.calls if one.action is Action.EDIT]
    if tried and not task.edits and all(_NOT_PERMITTED.search(one.output) for one in tried):
        return REFUSED
    return None


def _by_moving_on(task: Task, following: Prompt | None) -> Verdict | None:
    """That the user went on with something else, as people do who have what they wanted."""
    if following is None or not task.replies:
        return None
    if task.prompts[-1].in_plan_mode and not task.edits:
        return PENDING
    if reaction(following.text) is Reaction.ACCEPTED:
        return _quoting(PRAISED, following)
    return MOVED_ON


def _last(task: Task) -> SessionEvent:
    """The last thing that was done or said by the agent, its service, or by stopping it."""
    said = (one for one in reversed(task.events) if not isinstance(one, (Usage, Notice, Prompt)))
    return next(said, task.first)


def _alike(one: str, other: str) -> bool:
    mine, theirs = (set(_WORD.findall(text[:2_000].lower())) for text in (one, other))
    if min(len(mine), len(theirs)) < _FEWEST_WORDS:
        return " ".join(one.split()).lower() == " ".join(other.split()).lower()
    return len(mine & theirs) >= _LEAST_ALIKE * len(mine | theirs)


def _quoting(found: Verdict, prompt: Prompt) -> Verdict:
    said = truncate(" ".join(prompt.text.split()), _QUOTED)
    return found._replace(why=f"{found.why}: {said!r}")
