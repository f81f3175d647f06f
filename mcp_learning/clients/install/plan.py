"""Plans the changes of `install` and `uninstall`, then applies them.

Each file's change is planned as an edit of its text. If the client has a command of its own for the
change, that runs first, and the edit completes it. A file that is broken, can't be read or written,
or changes between plan and edit raises a `LearningError` that names it.
"""

import difflib
import json
import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from mcp_learning.clients.install import client_commands, documents, entries, files, hook_entries
from mcp_learning.clients.install.agents import NAME, Agent, Scope
from mcp_learning.clients.install.entries import Change, Config, ForeignEntry
from mcp_learning.clients.install.files import InstallRecord, InstallRecords, digest
from mcp_learning.clients.install.hook_entries import HOOKS
from mcp_learning.clients.install.jsonc import BrokenText
from mcp_learning.errors import InvalidInput, LearningError

_BOM = "\ufeff"
_CONTEXT_LINES = 2
_MAX_LINE_LENGTH = 300

logger = logging.getLogger(__name__)

Revise = Callable[[bytes | None], bytes | None]
"""Maps a file's bytes to its new bytes; None stands for no file."""


@dataclass(frozen=True)
class Edit:
    """A planned change of a file from `before` to `after`; None stands for no file.

    Attributes:
        revise: The function that makes `after` of `before`.
        private: Whether a new file is accessible to its user only.
        command: The client's own command for the change, which runs before the edit.
    """

    path: Path
    before: bytes | None
    after: bytes | None
    revise: Revise
    private: bool
    command: list[str] | None = None

    @property
    def changes(self) -> bool:
        """Whether the file changes."""
        return self.before != self.after

    def difference(self) -> str:
        """The edit as a unified diff with long lines truncated; empty without a change."""
        old, new = (
            (data or b"").decode("utf-8", "replace").splitlines(keepends=True)
            for data in (self.before, self.after)
        )
        before, after = (
            str(self.path) if data is not None else "/dev/null"
            for data in (self.before, self.after)
        )
        lines = difflib.unified_diff(old, new, before, after, n=_CONTEXT_LINES)
        return "".join(map(_truncated_line, lines))


def plan_install(
    agent: Agent,
    scope: Scope,
    *,
    command: list[str],
    hook: list[str] | None = None,
    variables: Mapping[str, str] | None = None,
) -> list[Edit]:
    """The edits of an install: of one file, or two with hooks. Nothing is written.

    `command` starts the server with `variables` in its environment; `hook` is the command of the
    hooks, or None.

    Raises:
        InvalidInput: The client has no such scope, or no hooks.
        LearningError: Also if another server has the name.
    """
    entry = agent.entry(command, variables or {})
    path = agent.file(scope)
    changes: dict[Path, list[Change]] = {
        path: [partial(entries.with_server, agent=agent, entry=entry)]
    }
    if hook is not None:
        if agent.name not in HOOKS:
            raise InvalidInput("hooks", f"{agent.title} has no usable hooks; leave it out")
        hooks, line = HOOKS[agent.name], hook_entries.command_line(hook)
        add = partial(hook_entries.with_hooks, hooks=hooks, command=line)
        changes.setdefault(hooks.place(scope), []).append(add)
    edit, *further = (
        _plan(place, scope, _revision(place, *wanted)) for place, wanted in changes.items()
    )
    if not _has_server(path, agent, edit.before):  # the command would drop a person's additions
        edit = _with_client_command(edit, agent, client_commands.add_command(agent, scope, entry))
    return [edit, *further]


def plan_uninstall(agent: Agent, scope: Scope, records: InstallRecords) -> list[Edit]:
    """The edits of an uninstall. Nothing is written.

    Raises:
        InvalidInput: The client has no such scope.
    """
    path = agent.file(scope)
    before, hooks = files.read(path), HOOKS.get(agent.name)
    place = None if hooks is None else hooks.file(scope)
    take_hooks = partial(hook_entries.without_hooks, hooks=hooks) if hooks else None
    has_server = _has_server(path, agent, before)
    changes: list[Change] = []
    if has_server:
        changes.append(partial(entries.without_server, agent=agent))
    if take_hooks and place == path:
        with _errors_naming(path):
            config = _parse(path, before)[2]
            changes += [take_hooks] if take_hooks(config) != config else []
    if changes:
        edit = _plan_removal(path, scope, _revision(path, *changes), records)
    else:
        edit = _plan(path, scope, lambda data: data)
    if has_server and records.restorable(path, before) is None:
        edit = _with_client_command(edit, agent, client_commands.remove_command(agent, scope))
    if take_hooks is None or place is None or place == path:
        return [edit]
    return [edit, _plan_removal(place, scope, _revision(place, take_hooks), records)]


def apply_install(edit: Edit, records: InstallRecords) -> Path | None:
    """Applies an edit and keeps a record; returns the path of the backup, if there is one."""
    _check_unchanged(edit)
    earlier = records.find(edit.path)
    current = records.restorable(edit.path, edit.before)
    if current is not None:
        backup, made = current.backup, current.made
    else:
        backup = None if edit.before is None else records.back_up(edit.path, edit.before)
        made = []
    new = files.make_parents(edit.path, private=edit.private)
    try:
        after = _carry_out(edit)
    except LearningError:
        files.remove_empty(new)
        raise
    holds_older_entry = earlier is not None and current is None
    written = "" if holds_older_entry or after is None else digest(after)
    records.keep(InstallRecord(str(edit.path), backup, written, [*made, *new]))
    return None if backup is None else records.directory / backup


def apply_uninstall(edit: Edit, records: InstallRecords) -> None:
    """Applies an edit and removes the record."""
    _check_unchanged(edit)
    record = records.find(edit.path)
    if _carry_out(edit) is None and record is not None:
        files.remove_empty(record.made)
    records.drop(edit.path)


def _plan(path: Path, scope: Scope, revise: Revise) -> Edit:
    before = files.read(path)
    edit = Edit(path, before, revise(before), revise, scope == "user")
    if edit.changes:
        files.check_writable(path)
    return edit


def _with_client_command(edit: Edit, agent: Agent, command: list[str] | None) -> Edit:
    """The edit with the client's command, if there is one that keeps the rest of the file."""
    if command is None or not edit.changes or not client_commands.is_available(command):
        return edit
    try:  # Claude Code treats a file with comments as corrupted, and replaces it
        if edit.before is not None and not agent.toml:
            json.loads(edit.before.decode())
    except ValueError:
        return edit
    return edit if edit.path.is_symlink() else replace(edit, command=command)


def _carry_out(edit: Edit) -> bytes | None:
    """Applies an edit; returns the file's new bytes."""
    current, after = edit.before, edit.after
    if edit.command is not None:
        if (said := client_commands.run_command(edit.command)) is not None:
            shown = said.partition("\n")[0]
            logger.error("%s failed (%s); the file is edited instead", edit.command[0], shown)
        current = files.read(edit.path)
        after = edit.revise(current)
    if after is None:
        files.delete(edit.path)
    elif after != current:
        files.write(edit.path, after, private=edit.private)
    if after is not None and edit.before is None and edit.private:
        edit.path.chmod(0o600)  # the client may have made it readable by others
    return after


def _has_server(path: Path, agent: Agent, data: bytes | None) -> bool:
    with _errors_naming(path):
        return entries.has_server(_parse(path, data)[2], agent)


def _revision(path: Path, *changes: Change) -> Revise:
    """A function that edits a configuration's text by applying `changes` to its value in order."""

    def revise(data: bytes | None) -> bytes:
        with _errors_naming(path):
            bom, text, config = _parse(path, data)
            for change in changes:
                config = change(config)
            return (bom + documents.rewrite(text, config, toml=_is_toml(path))).encode()

    return revise


def _plan_removal(path: Path, scope: Scope, edited: Revise, records: InstallRecords) -> Edit:
    """An edit that restores the file as it was before the install, or edits one changed since."""
    before, record = files.read(path), records.find(path)

    def revise(data: bytes | None) -> bytes | None:
        if data is None:
            return None
        if (current := records.restorable(path, data)) is not None:
            return records.backup(current)
        after = edited(data)
        is_emptied = after != before and (after or b"").strip() in (b"", b"{}")
        return None if is_emptied and record is not None and record.backup is None else after

    return _plan(path, scope, revise)


def _parse(path: Path, data: bytes | None) -> tuple[str, str, Config]:
    """The byte order mark or "", the rest of the text, and its value."""
    text = (data or b"").decode()
    bom, text = (_BOM, text[1:]) if text.startswith(_BOM) else ("", text)
    return bom, text, documents.load(text, toml=_is_toml(path))


def _is_toml(path: Path) -> bool:
    return path.suffix == ".toml"


@contextmanager
def _errors_naming(path: Path) -> Iterator[None]:
    try:
        yield
    except UnicodeDecodeError as error:
        raise LearningError(
            f"{path} is not UTF-8 (byte {error.start}); save it as UTF-8, then run the command "
            "again. Nothing was changed"
        ) from error
    except BrokenText as error:
        raise LearningError(f"{path} is left untouched: {error}") from error
    except RecursionError:
        raise LearningError(f"{path} is left untouched: it is nested too deeply") from None
    except ForeignEntry:
        raise LearningError(
            f'{path} has another server named "{NAME}"; rename or remove it there, then run the '
            "command again. Nothing was changed"
        ) from None


def _check_unchanged(edit: Edit) -> None:
    if files.read(edit.path) != edit.before:
        raise LearningError(f"{edit.path} was changed meanwhile; run the command again")


def _truncated_line(line: str) -> str:
    text = line.rstrip("\r\n")
    return (text if len(text) <= _MAX_LINE_LENGTH else text[:_MAX_LINE_LENGTH] + "…") + "\n"
