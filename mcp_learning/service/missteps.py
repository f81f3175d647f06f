"""Finds earlier failures of the exact command or file that an agent is about to run or edit."""

import re
from collections.abc import Sequence
from functools import partial
from hashlib import blake2b
from uuid import UUID

import anyio.to_thread

from mcp_learning.models.quoting import quoted
from mcp_learning.redaction.secrets import redact
from mcp_learning.service.background import CurrentValue
from mcp_learning.store.protocol import Store
from mcp_learning.store.traces import Trace

MOST_TRACES = 500  # executions of a repository that are searched: the latest

_MOST_REPOSITORIES = 20
_DIRECTORY_FIRST = re.compile(r"\s*cd\s+\S+\s*(?:&&|;)\s*")
_SAID = 160
_FINDINGS = re.compile(
    r"\b\d+ (?:tests? )?(?:failed|failing|errors?|problems?|warnings?)\b|AssertionError|"
    r"[\w/.-]+\.\w+:\d+:|--- FAIL"
)
"""Output of tests, linters and compilers about the code: then the command itself was right."""


class Misstep:
    """An earlier failure, as a line for the agent; `name` is a digest of the command or file."""

    def __init__(self, task_id: UUID, name: str, line: str) -> None:
        self.task_id = task_id
        self.name = blake2b(name.encode(errors="replace"), digest_size=8).hexdigest()
        self.line = line


class Missteps:
    """Looks up commands and files among the executions of a repository."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._known: dict[tuple[str, ...], CurrentValue[list[Trace]]] = {}

    async def of(
        self, repos: Sequence[str], command: str, files: Sequence[str], session: str = ""
    ) -> list[Misstep]:
        """The latest failures of a command and of files that weren't followed by a success.

        Args:
            repos: All names of the repository; if empty, nothing is found.
            command: The command; may be empty.
            files: Paths, absolute or relative to the repository.
            session: Failures in this session are left out, since the agent knows them.
        """
        if not repos or not (command or files):
            return []
        traces = await self._current(tuple(repos)).get()
        traces = [trace for trace in traces if not session or trace.session != session]
        if not traces:
            return []
        return await anyio.to_thread.run_sync(_found, traces, command, files, repos)

    def _current(self, repos: tuple[str, ...]) -> CurrentValue[list[Trace]]:
        if repos not in self._known and len(self._known) >= _MOST_REPOSITORIES:
            self._known.clear()
        read = partial(self._store.traces, repos, MOST_TRACES)
        return self._known.setdefault(repos, CurrentValue(read, lambda: self._store.revision))


def _found(
    traces: Sequence[Trace], command: str, files: Sequence[str], repos: Sequence[str]
) -> list[Misstep]:
    found = [_of_command(traces, command)] if command else []
    found += [_of_file(traces, _relative(file, repos), repos) for file in files]
    return [one for one in found if one is not None]


def _of_command(traces: Sequence[Trace], command: str) -> Misstep | None:
    wanted = _plain(redact(command)[0])  # stored commands have no secrets either
    for trace in traces:
        for one in trace.recovered:
            if _is_command(wanted, one.worked):
                return None  # it has worked since
            if not _is_command(wanted, one.failed) or _FINDINGS.search(one.error):
                continue
            line = f"This command failed here on {trace.recorded_at:%Y-%m-%d}"
            line += f", error: {quoted(one.error, _SAID)}" if one.error else ""
            line += f"; what then worked: {quoted(one.worked, _SAID)}" if one.worked else ""
            return Misstep(trace.task_id, f"command {wanted}", f"{line} [{trace.task_id}]")
    return None


def _of_file(traces: Sequence[Trace], file: str, repos: Sequence[str]) -> Misstep | None:
    for trace in traces:
        paths = (_relative(path, repos) for path in trace.files)
        if trace.success is None or not any(_is_same(file, path) for path in paths):
            continue
        if trace.success:
            return None  # it has been changed with success since
        name = re.split(r"[\\/]", file)[-1]
        line = f"The last task that changed {quoted(name, 80)} failed here on "
        line += f"{trace.recorded_at:%Y-%m-%d}: {quoted(trace.description, _SAID)}"
        line += f"; error: {quoted(trace.error, _SAID)}" if trace.error else ""
        line += f"; it ended with: {quoted(trace.solution, _SAID)}" if trace.solution else ""
        return Misstep(trace.task_id, f"file {file}", f"{line} [{trace.task_id}]")
    return None


def _plain(command: str) -> str:
    """A command without a leading `cd`, and with white space collapsed."""
    return " ".join(_DIRECTORY_FIRST.sub("", command, count=1).split())


def _is_command(wanted: str, recorded: str) -> bool:
    """Whether a command is the recorded one, which ends with an ellipsis if it was truncated."""
    plain = _plain(recorded)
    return wanted.startswith(plain[:-1]) if plain.endswith("…") else wanted == plain


def _relative(path: str, repos: Sequence[str]) -> str:
    """The path relative to one of the repository's directories if below it; else unchanged."""
    plain = path.replace("\\", "/").removeprefix("./")
    for repo in repos:
        directory = repo.replace("\\", "/").rstrip("/") + "/"
        if len(directory) > 1 and plain.startswith(directory):
            return plain.removeprefix(directory)
    return plain


def _is_same(file: str, recorded: str) -> bool:
    """Whether two paths name the same file; an absolute one of another worktree ends with it."""
    longer, shorter = sorted((file, recorded), key=len, reverse=True)
    return longer == shorter or (longer.startswith("/") and longer.endswith(f"/{shorter}"))
