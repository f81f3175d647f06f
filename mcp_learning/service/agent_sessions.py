"""Remembers the remarks to each agent session, so that none is made twice.

The memory is bounded, and saved to a derived file for another process that takes over. If anything
is wrong with the file, all sessions start empty.
"""

import json
import logging
from collections import OrderedDict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread

from mcp_learning.errors import StoreError
from mcp_learning.service.background import WriteBehind
from mcp_learning.store.duckdb.files import make_private

logger = logging.getLogger(__name__)

MOST_SESSIONS = 100  # sessions that are remembered: the last active ones
MOST_SHOWN = 100  # remembered items per session: the latest

FILE = "sessions.json"

_LARGEST_FILE = 8 * 2**20


@dataclass
class AgentSession:
    """One session.

    Attributes:
        briefed: Whether it got its brief.
        shown: Subjects of earlier remarks, oldest first: ids of executions, digests of commands and
            files.
        errors: Number of remarks about errors.
        held: Text to deliver on the next occasion on which the client passes text to the agent;
            not saved.
        held_at: `Store.deletions` before `held` was made. After later deletions it is dropped, as
            it may quote what was deleted.
    """

    briefed: bool = False
    shown: list[str] = field(default_factory=list)
    errors: int = 0
    held: str = ""
    held_at: int = 0

    def note_shown(self, *names: str) -> None:
        """Adds subjects of a remark."""
        new = [name for name in names if name not in self.shown]
        self.shown = [*self.shown, *new][-MOST_SHOWN:]


class AgentSessions:
    """The remembered sessions, saved by `run`. Used on the event loop only."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / FILE
        self._sessions: OrderedDict[str, AgentSession] = OrderedDict()
        self._later = WriteBehind(self.save)
        self.run = self._later.run
        self._changed = False
        self._loading = anyio.Lock()
        self._saving = anyio.Lock()
        self._loaded = False

    async def of(self, client: str, session: str) -> AgentSession:
        """The session, or a new one if it isn't remembered or has no id."""
        await self._load()
        if not session:
            return AgentSession()
        key = f"{client}:{session}"
        found = self._sessions.setdefault(key, AgentSession())
        self._sessions.move_to_end(key)
        while len(self._sessions) > MOST_SESSIONS:
            self._sessions.popitem(last=False)
        return found

    async def forget(self, client: str, session: str) -> None:
        """Forgets the remarks to a session, whose context was cleared."""
        await self._load()
        if self._sessions.pop(f"{client}:{session}", None) is not None:
            self.changed()

    def changed(self) -> None:
        """Makes `run` save the sessions soon."""
        self._changed = True
        self._later.notice()

    async def save(self) -> None:
        """Saves the sessions if any has changed; an error is logged."""
        async with self._saving:
            if not self._changed:
                return
            self._changed = False
            values = {
                key: {"briefed": one.briefed, "told": one.shown, "errors": one.errors}
                for key, one in self._sessions.items()
            }
            try:
                with anyio.CancelScope(shield=True):  # else it may be cancelled before it begins
                    await anyio.to_thread.run_sync(_write, self._path, values)
            except (OSError, StoreError) as error:
                logger.warning("%s can't be written: %s", self._path, error)

    async def _load(self) -> None:
        async with self._loading:
            if self._loaded:
                return
            read = await anyio.to_thread.run_sync(_read, self._path)
            self._sessions = OrderedDict(read)
            self._loaded = True


def _write(path: Path, values: dict[str, Any]) -> None:
    make_private(path.parent)
    staged = path.with_name(f"{path.name}.new")
    staged.write_text(json.dumps(values), encoding="utf-8")
    staged.chmod(0o600)
    staged.replace(path)


def _read(path: Path) -> dict[str, AgentSession]:
    try:
        if not path.is_file() or path.stat().st_size > _LARGEST_FILE:
            return {}
        values = json.loads(path.read_bytes())
        return {str(key): _session(value) for key, value in list(values.items())[-MOST_SESSIONS:]}
    except (OSError, ValueError, TypeError, AttributeError, LookupError, RecursionError) as error:
        logger.warning("%s can't be used, all sessions start empty: %s", path, error)
        return {}


def _session(value: dict[str, Any]) -> AgentSession:
    return AgentSession(
        briefed=bool(value["briefed"]),
        shown=[str(name) for name in value["told"]][-MOST_SHOWN:],
        errors=int(value["errors"]),
    )
