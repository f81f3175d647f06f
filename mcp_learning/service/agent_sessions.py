"""What agents' sessions were told, so that nothing is told twice.

It is small and bounded, and kept in a derived file, so that another process that takes over goes
on from it. Whatever is wrong with the file, the sessions begin anew.
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

MOST_SESSIONS = 100  # sessions that are remembered, those heard of last
MOST_TOLD = 100  # things told in a session that are remembered, the latest

FILE = "sessions.json"

_LARGEST_FILE = 8 * 2**20


@dataclass
class AgentSession:
    """One session.

    Attributes:
        briefed: Whether it had its brief.
        told: Ids of executions, and digests of commands and files, that the agent was told about,
            oldest first.
        errors: How often the agent was told something about an error.
        held: Text for the next occasion on which the client hands it on; isn't kept in the file.
        held_at: `Store.deletions` before it was made: later ones may be of what it quotes.
    """

    briefed: bool = False
    told: list[str] = field(default_factory=list)
    errors: int = 0
    held: str = ""
    held_at: int = 0

    def tell(self, *names: str) -> None:
        """Notes what the agent is told."""
        self.told = [*self.told, *(name for name in names if name not in self.told)][-MOST_TOLD:]


class AgentSessions:
    """All sessions that are remembered, kept in a file by `run`. Used on the event loop only."""

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
        """A session; one that isn't remembered is new. Without an id it is new each time."""
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
        """Forgets what a session was told: its context is empty."""
        await self._load()
        if self._sessions.pop(f"{client}:{session}", None) is not None:
            self.changed()

    def changed(self) -> None:
        """Has the file written soon, by `run`."""
        self._changed = True
        self._later.notice()

    async def save(self) -> None:
        """Writes what has changed; what can't be written is remembered by this process alone."""
        async with self._saving:
            if not self._changed:
                return
            self._changed = False
            values = {
                key: {"briefed": one.briefed, "told": one.told, "errors": one.errors}
                for key, one in self._sessions.items()
            }
            try:
                with anyio.CancelScope(shield=True):  # else it may end before it has begun
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
        logger.warning("%s is of no use, sessions begin anew: %s", path, error)
        return {}


def _session(value: dict[str, Any]) -> AgentSession:
    return AgentSession(
        briefed=bool(value["briefed"]),
        told=[str(name) for name in value["told"]][-MOST_TOLD:],
        errors=int(value["errors"]),
    )
