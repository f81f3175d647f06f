"""Decides what an agent is shown without having asked; mostly nothing.

Recall at every prompt makes agents worse. So a session gets one brief, at its first prompt that
describes a task. Later remarks are only about what is likely to matter and is new: at a prompt,
when a tool fails, and before a command or an edit that failed before in the same repository. The
executions in remarks count as recalled, not as used: `record_execution` names those that were used.
"""

from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from functools import lru_cache, partial
from uuid import UUID

import anyio
import anyio.lowlevel
import anyio.to_thread

from mcp_learning.lessons.wording import line
from mcp_learning.models.lessons import LessonsFor, ShownLesson, ShownLessons
from mcp_learning.models.occasions import Occasion, Remark
from mcp_learning.models.requests import FindSimilarTasks
from mcp_learning.models.results import Match, SimilarTasks
from mcp_learning.redaction import working_copies
from mcp_learning.service import remark_choice, remark_texts
from mcp_learning.service.agent_sessions import AgentSession, AgentSessions
from mcp_learning.service.missteps import Missteps
from mcp_learning.store.protocol import Store

MATCHES = 5  # most matches in a brief
LATER = 2  # most matches in a later remark
MOST_ERRORS = 8  # most remarks about errors in a session

SHORT = 24
"""A prompt of at most so many bytes that finds nothing, such as a greeting, leaves the brief to the
next one."""

LONGEST_ERROR = 2_000  # characters at the end of an error that are searched for

Find = Callable[[FindSimilarTasks], Awaitable[SimilarTasks]]
Lessons = Callable[[LessonsFor, Collection[UUID], Sequence[str]], Awaitable[ShownLessons]]
"""As `Showings.lessons_for`."""
CheckFiles = Callable[[str, Sequence[str]], Awaitable[None]]  # as `LessonBook.check_files`


class Remarks:
    """Makes remarks to agents.

    Args:
        store: Has the sessions in which executions were recorded, and earlier failures.
        find: Searches, without counting recalls.
        lessons: Finds lessons for a task or a command, and records their showings.
        shown: Called with the executions that a remark names, to count recalls.
        sessions: The state of each session: earlier remarks.
        check_files: Retires lessons about files that no longer exist.
    """

    def __init__(
        self,
        store: Store,
        find: Find,
        lessons: Lessons,
        shown: Callable[[Iterable[UUID]], None],
        sessions: AgentSessions,
        check_files: CheckFiles,
    ) -> None:
        self._store = store
        self._find = find
        self._lessons = lessons
        self._shown = shown
        self._sessions = sessions
        self._check_files = check_files
        self._missteps = Missteps(store)

    async def remark(self, occasion: Occasion) -> Remark:
        """The remark for the agent on this occasion; usually empty.

        If the caller is cancelled, the session's next occasion returns it.
        """
        if occasion.event == "start":
            if occasion.text != "resume":  # a resumed session still contains earlier remarks
                await self._sessions.forget(occasion.client, occasion.session)
            return Remark()
        deletions = self._store.deletions
        with anyio.CancelScope(shield=True):  # hooks give up early; the result is kept for later
            session = await self._sessions.of(occasion.client, occasion.session)
            remark = await self._remark(occasion, session)
        held = session.held if session.held_at == self._store.deletions else ""
        text = "\n".join(filter(None, (held, remark.text)))
        session.held, session.held_at = text, deletions
        if remark.text or occasion.event == "prompt":
            self._sessions.changed()
        await anyio.lowlevel.checkpoint_if_cancelled()
        if not occasion.speaks:
            return Remark()
        session.held = ""
        return Remark(text=text, task_ids=remark.task_ids)

    async def _remark(self, occasion: Occasion, session: AgentSession) -> Remark:
        match occasion.event:
            case "prompt":
                remark = await self._at_prompt(occasion, session)
            case "failure":
                remark = await self._at_failure(occasion, session)
            case "before":
                remark = await self._before(occasion, session)
            case _:
                remark = Remark()
        self._shown(remark.task_ids)
        return remark

    async def _at_prompt(self, occasion: Occasion, session: AgentSession) -> Remark:
        prompt = occasion.text
        if not remark_choice.has_substance(prompt):
            return Remark()
        repos = await _known_as(occasion.cwd)
        answer = await self._find(FindSimilarTasks(task_description=prompt, limit=MATCHES))
        is_first = not session.briefed
        current = [match for match in answer.matches if match.superseded_by is None]
        if is_first:
            wanted = remark_choice.for_brief(current, repos)
        else:
            wanted = remark_choice.for_later_prompt(current, repos, prompt)
        new = await self._new_matches(wanted, occasion, session)
        session.briefed |= bool(new) or len(prompt.encode()) > SHORT
        if not is_first:
            return self._make_remark(new[:LATER], session, remark_texts.later)
        if occasion.cwd:
            await self._check_files(occasion.cwd, repos)
        lessons = await self._new_lessons(occasion, session, repos, answer.matches)
        return self._make_remark(new, session, partial(remark_texts.brief, lessons=lessons))

    async def _at_failure(self, occasion: Occasion, session: AgentSession) -> Remark:
        if session.errors >= MOST_ERRORS:
            return Remark()
        known = await self._before(occasion, session)
        error = occasion.text[-LONGEST_ERROR:]
        if known.text or not error:
            session.errors += bool(known.text)
            return known
        answer = await self._find(FindSimilarTasks(task_description=error, limit=MATCHES))
        helpful = remark_choice.for_error(answer.matches, error)
        new = await self._new_matches(helpful, occasion, session)
        remark = self._make_remark(new[:LATER], session, remark_texts.on_error)
        session.errors += bool(remark.text)
        return remark

    async def _before(self, occasion: Occasion, session: AgentSession) -> Remark:
        repos = await _known_as(occasion.cwd)
        found = await self._missteps.of(repos, occasion.command, occasion.files, occasion.session)
        new = [one for one in found if one.name not in session.shown][:1]
        if new:
            session.note_shown(new[0].name)
            return Remark(text=remark_texts.warning(new[0].line), task_ids=[new[0].task_id])
        if found or not occasion.command:
            return Remark()
        lessons = await self._new_lessons(occasion, session, repos)
        return Remark(text=remark_texts.warning(line(lessons[0])) if lessons else "")

    async def _new_lessons(
        self,
        occasion: Occasion,
        session: AgentSession,
        repos: Sequence[str],
        matches: Sequence[Match] = (),
    ) -> list[ShownLesson]:
        """Lessons that are new to the session: about its command, or else its task."""
        likely = [match for match in matches if match.confidence == "likely"]
        asked = LessonsFor(
            task_description=occasion.text,
            repo=repos[0] if repos else None,
            known_as=tuple(repos[1:]),
            session_id=occasion.session or None,
            command=occasion.command or None,
        )
        ids, types = {match.task_id for match in likely}, [match.task_type for match in likely]
        found = (await self._lessons(asked, ids, types)).lessons
        new = [one for one in found if str(one.lesson_id) not in session.shown]
        session.note_shown(*(str(one.lesson_id) for one in new))
        return new

    async def _new_matches(
        self, matches: Sequence[Match], occasion: Occasion, session: AgentSession
    ) -> list[Match]:
        """Matches with content that are new to the session and aren't of the session itself."""
        new = [
            match
            for match in matches
            if (match.outcome != "pending" or match.solution_summary or match.error_message)
            and str(match.task_id) not in session.shown
        ]
        if not new or not occasion.session:
            return new
        recorded_in = await self._store.sessions([match.task_id for match in new])
        return [match for match in new if recorded_in.get(match.task_id) != occasion.session]

    def _make_remark(
        self,
        matches: Sequence[Match],
        session: AgentSession,
        text_of: Callable[[Sequence[Match]], tuple[str, int]],
    ) -> Remark:
        # No await between the filter and `note_shown`: concurrent prompts must not get the same.
        matches = [match for match in matches if str(match.task_id) not in session.shown]
        text, count = text_of(matches)
        shown = [match.task_id for match in matches[:count]]
        session.note_shown(*map(str, shown))
        return Remark(text=text, task_ids=shown)


@lru_cache(200)
def _spellings(cwd: str) -> tuple[str, ...]:
    return tuple(filter(None, [working_copies.name(cwd), *working_copies.spellings(cwd)]))


async def _known_as(cwd: str) -> tuple[str, ...]:
    """All names of a directory's repository; empty without a directory."""
    return await anyio.to_thread.run_sync(_spellings, cwd) if cwd else ()
