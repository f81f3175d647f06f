"""Infers the outcome of a task from its session: the user's words, git, tests, interruptions.

The first rule that applies decides. Its confidence was measured on hand-labelled endings of real
sessions, and is less if an ending says little about the approach (docs/outcomes.md).
"""

import re
from collections.abc import Sequence

from mcp_learning.clients.capture.checks import (
    Kind,
    discards,
    kinds,
    passed,
    published,
    uncommits,
)
from mcp_learning.clients.capture.reactions import (
    Reaction,
    doubts_work_before,
    reaction,
    rejects_work_before,
    shows_error,
)
from mcp_learning.clients.transcripts import wording
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
from mcp_learning.clients.transfer.imported import clean_and_truncate
from mcp_learning.models.verdicts import PENDING, Verdict

PRAISED = Verdict("success", "user", 0.95, "the user was content")
PUBLISHED = Verdict("success", "git", 0.95, "committed, pushed or published")
TESTED = Verdict("success", "tests", 0.9, "the last tests passed")
CHECKED = Verdict("success", "tests", 0.8, "the last linters or builds passed")
ORDERED = Verdict("success", "user", 0.8, "the user asked to commit or publish it")
MOVED_ON = Verdict("success", "user", 0.8, "the user went on with something else")
REVERTED = Verdict("failure", "git", 0.95, "its commit was reverted")
UNDONE = Verdict("failure", "user", 0.85, "the user took it back")
REJECTED = Verdict("failure", "user", 0.8, "the user's last word was a complaint")
REPEATED = Verdict("failure", "user", 0.7, "the user asked for the same once more")
COMPLAINED = Verdict("failure", "user", 0.6, "the user went on with a complaint")
REFUSED = Verdict("failure", "none", 0.6, "no change was permitted")
BROKE_OFF = Verdict("failure", "none", 0.3, "ended without a result")

_LEAST_ALIKE = 0.8  # least Jaccard index of their words of two requests that count as the same
_FEWEST_WORDS = 4  # least number of words to compare by that index; shorter requests must be equal
_QUOTED = 80
_AGAINST = (Reaction.REJECTED, Reaction.REPEATED, Reaction.UNDONE)
_ASIDE = re.compile(r"[/\\](?:scratchpad|\.claude|\.copilot[/\\]session-state)[/\\]", re.IGNORECASE)
_ASIDE_ELSEWHERE = re.compile(r"(?:[A-Z]:)?[/\\](?:.*[/\\])?(?:te?mp|memory)[/\\]", re.IGNORECASE)
_NOT_PERMITTED = re.compile(r"permission|not permitted|not allowed|denied|read-only", re.IGNORECASE)
_REVERT = re.compile(r'Revert "(.+)"\Z')  # the subject of what `git revert` commits
_WORD = re.compile(r"\w+")


def verdict(task: Task, following: Prompt | None = None) -> Verdict:
    """The outcome of a task.

    Args:
        task: The task.
        following: The prompt that the next task of the session begins with; None: there is none.
    """
    complaint = _last_complaint(task)
    attempt = task.events[complaint or 0 :]
    return (
        _by_service_error(task, following)
        or _by_reverting(task)
        or _by_user(attempt, is_complaint=complaint is not None)
        or _by_result(attempt, following)
        or _by_following(task, following)
        or _by_order(attempt)
        or _by_interruption(task)
        or _by_moving_on(task, following)
        or PENDING
    )


def _last_complaint(task: Task) -> int | None:
    """Position of the prompt that last rejected the work; the attempt before it has failed."""
    found, asked = None, [task.first.text]
    has_worked = has_question = False
    for at, event in enumerate(task.events[1:], 1):
        if isinstance(event, Prompt) and not event.is_answer:
            is_short = wording.is_go_ahead(event.text)  # "yes" and "no", which may come often
            is_repeated = not is_short and any(_alike(event.text, one) for one in asked)
            is_against = reaction(event.text) in _AGAINST and not (is_short and has_question)
            if has_worked and (is_repeated or is_against):
                found = at
            asked.append(event.text)
        elif isinstance(event, (Interrupt, ServiceError)):
            has_worked = False  # after an interruption, repeating the request is no complaint
        elif isinstance(event, Reply):
            has_question = wording.asks(event.text) or wording.offers(event.text)
        has_worked = has_worked or isinstance(event, (Reply, ToolCall))
    return found


def _by_user(attempt: Sequence[SessionEvent], *, is_complaint: bool) -> Verdict | None:
    """By the user's last judgement of the work."""
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


def _by_reverting(task: Task) -> Verdict | None:
    """By the last commit of the task, if that reverts one of its own and nothing was done since."""
    subjects: set[str] = set()
    reverted = ""
    for call in task.calls:
        if call.is_edit:
            reverted = ""
        for subject in call.commit_subjects:
            found = _REVERT.match(subject)
            reverted = found[1] if found and found[1] in subjects else ""
            subjects.add(subject)
    return REVERTED._replace(why=f"{REVERTED.why}: {reverted!r}") if reverted else None


def _by_result(attempt: Sequence[SessionEvent], following: Prompt | None) -> Verdict | None:
    """By what was published or passed checks, unless a later prompt shows an error."""
    attempt = _since_error(attempt)
    found = _by_publishing(attempt) or _by_checks(attempt)
    if found and following and not following.is_command and shows_error(following.text):
        return PENDING
    return found


def _since_error(attempt: Sequence[SessionEvent]) -> Sequence[SessionEvent]:
    """The events from the last prompt on that shows an error; all if none does."""
    shown = 0
    for at, one in enumerate(attempt):
        if isinstance(one, Prompt) and not (one.is_answer or one.is_command):
            shown = at if shows_error(one.text) else shown
    return attempt[shown:]


def _by_publishing(attempt: Sequence[SessionEvent]) -> Verdict | None:
    """By a commit, a push, a pull request or a comment, and no reset of it since."""
    calls = [one for one in attempt if isinstance(one, ToolCall)]
    reset = max((at for at, one in enumerate(calls) if uncommits(one)), default=0)
    made = [one for one in calls[reset:] if published(one)]
    commits = [commit for one in made for commit in one.commits]
    if commits:
        return PUBLISHED._replace(why=f"commit {commits[-1]}")
    return PUBLISHED if made else None


def _by_service_error(task: Task, following: Prompt | None) -> Verdict | None:
    """By an error or a limit of the model's service that ended the task, without another attempt.

    This also applies after tests that passed, since the agent had not finished. Praise, or
    publishing since the user's last prompt, counts as finished.
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
    """By tests, linters and builds since the last edit that all passed; a failure decides nothing.

    In half of the labelled endings with a failed check the task had succeeded.
    """
    results: dict[Kind, bool] = {}
    for event in attempt:
        if not isinstance(event, ToolCall):
            continue
        is_work = event.is_edit and not all(_is_aside(file, event.cwd) for file in event.files)
        if is_work or discards(event):
            results = {}
        if (result := passed(event)) is not None:
            results |= dict.fromkeys(kinds(event) & {Kind.TEST, Kind.CHECK}, result)
    if not results or not all(results.values()):
        return None
    return TESTED if Kind.TEST in results else CHECKED


def _by_order(attempt: Sequence[SessionEvent]) -> Verdict | None:
    """By the user's last prompt, which asks to commit or publish what was done before."""
    at, last = [(at, one) for at, one in enumerate(attempt) if isinstance(one, Prompt)][-1]
    has_worked = any(isinstance(one, (Reply, ToolCall)) for one in attempt[:at])
    return ORDERED if has_worked and wording.is_commit_order(last.text) else None


def _is_aside(file: str, directory: str) -> bool:
    """Whether a file is a note of the agent, and not one of the project in a directory."""
    if directory and file.startswith((f"{directory}/", f"{directory}\\")):
        file = file.removeprefix(directory)
    elif _ASIDE_ELSEWHERE.match(file):
        return True
    return bool(_ASIDE.search(file))


def _by_following(task: Task, following: Prompt | None) -> Verdict | None:
    """By the next request: the same again, or a complaint that this didn't work."""
    if following is None:
        return None
    if _alike(task.first.text, following.text):
        return PENDING if task.interrupted or following.is_command else REPEATED
    return _quoting(COMPLAINED, following) if rejects_work_before(following.text) else None


def _by_interruption(task: Task) -> Verdict | None:
    """By the user's interruption before there was a result, or by refused permissions."""
    last = _last(task)
    if isinstance(last, Interrupt) or (isinstance(last, ToolCall) and last.is_rejected):
        return PENDING
    tried = [one for one in task.calls if one.action is Action.EDIT]
    if tried and not task.edits and all(_NOT_PERMITTED.search(one.output) for one in tried):
        return REFUSED
    return None


def _by_moving_on(task: Task, following: Prompt | None) -> Verdict | None:
    """By a next request about something else, as users make when the task is done.

    After a mere conversation, they also make it when the answer was of no use.
    """
    if following is None or not task.replies:
        return None
    if task.prompts[-1].in_plan_mode and not task.edits:
        return PENDING
    if reaction(following.text) is Reaction.ACCEPTED:
        return _quoting(PRAISED, following)
    if not task.calls:
        return PENDING
    return MOVED_ON if following.is_command or not doubts_work_before(following.text) else PENDING


def _last(task: Task) -> SessionEvent:
    """The last event of the agent or its service, or the interruption."""
    said = (one for one in reversed(task.events) if not isinstance(one, (Usage, Notice, Prompt)))
    return next(said, task.first)


def _alike(one: str, other: str) -> bool:
    mine, theirs = (set(_WORD.findall(text[:2_000].lower())) for text in (one, other))
    if min(len(mine), len(theirs)) < _FEWEST_WORDS:
        return " ".join(one.split()).lower() == " ".join(other.split()).lower()
    return len(mine & theirs) >= _LEAST_ALIKE * len(mine | theirs)


def _quoting(found: Verdict, prompt: Prompt) -> Verdict:
    said = clean_and_truncate(" ".join(prompt.text.split()), _QUOTED)
    return found._replace(why=f"{found.why}: {said!r}")
