"""Plans and makes the changes of `install` and `uninstall`: all are planned before one is made."""

import difflib
import re
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from mcp_learning.clients.install import entries, files
from mcp_learning.clients.install.agents import NAME, Agent, Scope, Surroundings, hooks_file
from mcp_learning.clients.install.entries import HOOK_EVENTS, ForeignEntry
from mcp_learning.clients.install.files import InstallRecord, InstallRecords, digest
from mcp_learning.clients.install.jsonc import BrokenText
from mcp_learning.errors import InvalidInput, LearningError

_BOM = "\ufeff"
_CONTEXT = 2
_WIDEST = 300
"""Characters that are shown of a line in a difference."""


@dataclass(frozen=True)
class Edit:
    """A planned change of a file.

    Attributes:
        path: The file.
        before: Its bytes now; None if there is none.
        after: Its bytes then; None if it is removed.
        private: Whether a new file is for the user alone.
        added: Paths of what is made in it to hold the entry, outermost first.
        ours: Whether it holds an entry of ours already.
        made: Directories to remove with the file, if they are empty then.
    """

    path: Path
    before: bytes | None
    after: bytes | None
    private: bool
    added: tuple[tuple[str, ...], ...] = ()
    ours: bool = False
    made: tuple[str, ...] = ()

    @property
    def changes(self) -> bool:
        """Whether there is anything to do."""
        return self.before != self.after

    def difference(self) -> str:
        """What changes, as a unified diff; empty if nothing does."""
        old, new = (
            (data or b"").decode("utf-8", "replace").splitlines(keepends=True)
            for data in (self.before, self.after)
        )
        before, after = (
            str(self.path) if data is not None else "/dev/null"
            for data in (self.before, self.after)
        )
        first = _same(old, new)
        last = _same(old[first:][::-1], new[first:][::-1])
        first, last = max(0, first - _CONTEXT), max(0, last - _CONTEXT)
        old, new = old[first : len(old) - last], new[first : len(new) - last]
        found = difflib.unified_diff(
            old, new, before, after, n=_CONTEXT
        )  # slow on what is the same
        return "".join(_shown(_moved(line, first)) for line in found)


def plan_install(
    agent: Agent,
    scope: Scope,
    around: Surroundings,
    *,
    command: list[str],
    hook: list[str] | None = None,
    environment: Mapping[str, str] | None = None,
) -> list[Edit]:
    """What an install changes: a file, or two with hooks. Nothing is written.

    Args:
        agent: The client.
        scope: For the user, or for the project.
        around: Where files are.
        command: Starts the server.
        hook: Starts the hooks' command, if there are to be hooks.
        environment: Variables for the server.

    Raises:
        InvalidInput: The client has no such scope, or no hooks.
        LearningError: A file can't be read, is broken, or has another server of that name.
    """
    if hook is not None and agent.name != "claude-code":
        raise InvalidInput("hooks", f"{agent.title} has none that this could use; leave it out")
    entry = agent.entry(command, environment or {})
    path = agent.file(scope, around)
    edits = [
        _plan(
            path,
            scope,
            lambda text: entries.install_server(text, agent, entry),
            lambda text: entries.uninstall_server(text, agent),
            () if agent.toml else ((agent.servers,),),
        )
    ]
    if hook is not None:
        line = shlex.join(hook)
        edits.append(
            _plan(
                hooks_file(scope, around),
                scope,
                lambda text: entries.install_hooks(text, agent, line),
                lambda text: entries.uninstall_hooks(text, agent),
                (("hooks",), *(("hooks", event) for event in HOOK_EVENTS)),
            )
        )
    return edits


def plan_uninstall(
    agent: Agent, scope: Scope, around: Surroundings, receipts: InstallRecords
) -> list[Edit]:
    """What an uninstall changes. Nothing is written.

    Raises:
        InvalidInput: The client has no such scope.
        LearningError: A file can't be read, or is broken.
    """
    edits = [
        _plan_removal(
            agent.file(scope, around),
            scope,
            agent,
            receipts,
            lambda text: entries.uninstall_server(text, agent),
        )
    ]
    if agent.name == "claude-code":
        edits.append(
            _plan_removal(
                hooks_file(scope, around),
                scope,
                agent,
                receipts,
                lambda text: entries.uninstall_hooks(text, agent),
            )
        )
    return edits


def carry_out_install(edit: Edit, receipts: InstallRecords) -> Path | None:
    """Makes a planned change; returns where the file as it was is kept, if there was one.

    Raises:
        LearningError: The file has changed since, or something can't be written.
    """
    assert edit.after is not None
    _unchanged(edit)
    old = receipts.find(edit.path)
    follows = old is not None and edit.before is not None and old.written == digest(edit.before)
    if old is not None and follows:
        backup, made = old.backup, list(old.made)
        added = [*old.added, *(list(path) for path in edit.added if list(path) not in old.added)]
    else:
        backup = None if edit.before is None else receipts.copy_name(edit.path)
        made, added = [], [list(path) for path in edit.added]
    written = "" if old is not None and edit.ours and not follows else digest(edit.after)
    receipt = InstallRecord(str(edit.path), backup, written, made, added)
    kept = receipts.keep(receipt, None if follows else edit.before)
    try:
        made += files.write(edit.path, edit.after, private=edit.private)
    except LearningError:
        if old is None:
            receipts.drop(edit.path)
        else:
            receipts.keep(old, None)
        raise
    receipts.keep(InstallRecord(str(edit.path), backup, written, made, added), None)
    return kept


def carry_out_uninstall(edit: Edit, receipts: InstallRecords) -> None:
    """Makes a planned change.

    Raises:
        LearningError: The file has changed since, or can't be written.
    """
    _unchanged(edit)
    if edit.after is None:
        files.delete(edit.path, list(edit.made))
    else:
        files.write(edit.path, edit.after, private=edit.private)
    receipts.drop(edit.path)


def _plan(
    path: Path,
    scope: Scope,
    install: Callable[[str], str],
    uninstall: Callable[[str], str],
    holders: tuple[tuple[str, ...], ...],
) -> Edit:
    before = files.read(path)
    bom, text = _text(path, before)
    try:
        after = install(text)
        ours = bool(text.strip()) and uninstall(text) != text
    except BrokenText as error:
        raise _broken(path, error) from error
    except ForeignEntry:
        raise LearningError(
            f'{path} has another server named "{NAME}"; rename or remove it there, then run the '
            "command again. Nothing was changed"
        ) from None
    added = tuple(holder for holder in holders if not _has(text, holder))
    data = (bom + after).encode()
    return Edit(path, before, data, scope == "user", added, ours)


def _plan_removal(
    path: Path,
    scope: Scope,
    agent: Agent,
    receipts: InstallRecords,
    uninstall: Callable[[str], str],
) -> Edit:
    private = scope == "user"
    before = files.read(path)
    if before is None:
        return Edit(path, None, None, private)
    receipt = receipts.find(path)
    if receipt is not None and receipt.written == digest(before):
        as_it_was = receipts.backup(receipt)
        if as_it_was is not None or receipt.backup is None:
            return Edit(path, before, as_it_was, private, made=tuple(receipt.made))
    bom, text = _text(path, before)
    if not text.strip():
        return Edit(path, before, before, private)
    try:
        after = uninstall(text)
        for holder in reversed(receipt.added if receipt is not None else []):
            after = entries.remove_if_empty(after, agent, tuple(holder))
    except BrokenText as error:
        raise _broken(path, error) from error
    emptied = after != text and after.strip() in ("", "{}")
    if receipt is not None and receipt.backup is None and emptied:
        return Edit(path, before, None, private, made=tuple(receipt.made))
    return Edit(path, before, (bom + after).encode(), private)


def _has(text: str, path: tuple[str, ...]) -> bool:
    return bool(text.strip()) and entries.has_json(text, path)


def _text(path: Path, data: bytes | None) -> tuple[str, str]:
    """A byte order mark, and the rest."""
    try:
        text = (data or b"").decode()
    except UnicodeDecodeError as error:
        raise LearningError(
            f"{path} is not UTF-8 (byte {error.start}); save it as UTF-8, then run the command "
            "again. Nothing was changed"
        ) from error
    return (_BOM, text[1:]) if text.startswith(_BOM) else ("", text)


def _broken(path: Path, error: BrokenText) -> LearningError:
    return LearningError(f"{path} is left untouched: {error}")


def _unchanged(edit: Edit) -> None:
    if files.read(edit.path) != edit.before:
        raise LearningError(f"{edit.path} was changed meanwhile; run the command again")


def _same(old: list[str], new: list[str]) -> int:
    """How many lines at the start are the same."""
    pairs = enumerate(zip(old, new, strict=False))
    return next((number for number, (a, b) in pairs if a != b), min(len(old), len(new)))


def _moved(line: str, lines: int) -> str:
    """The head of a hunk that begins so many lines later; other lines as they are."""
    if not line.startswith("@@ "):
        return line
    return re.sub(r"(?<=[-+])\d+", lambda found: str(int(found[0]) + lines), line)


def _shown(line: str) -> str:
    text = line.rstrip("\r\n")
    return (text if len(text) <= _WIDEST else text[:_WIDEST] + "…") + "\n"
