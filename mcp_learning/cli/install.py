"""`install` and `uninstall`: shows what changes in a client's configuration, then changes it."""

import os
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mcp_learning.cli.options import DataDir, Json
from mcp_learning.cli.output import print_json
from mcp_learning.cli.running import fail, load_settings
from mcp_learning.clients.install import agents, plan
from mcp_learning.clients.install.agents import Agent, Scope
from mcp_learning.clients.install.files import InstallRecords
from mcp_learning.clients.install.plan import Edit
from mcp_learning.environment import DATA_DIR_VARIABLE, is_empty
from mcp_learning.errors import InvalidInput, LearningError

if TYPE_CHECKING:
    from mcp_learning.settings import Settings

Client = Annotated[
    str, typer.Argument(help="claude-code, claude-desktop, cursor, vscode, codex or gemini")
]
ScopeName = Annotated[str, typer.Option(help="user: everywhere; project: in the current directory")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only show what would change")]


def install(
    client: Client,
    scope: ScopeName = "user",
    hooks: Annotated[
        bool, typer.Option("--hooks", help="Claude Code: recall at each prompt, record at its end")
    ] = False,
    dry_run: DryRun = False,
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """Add this server to an agent client's configuration; `uninstall` takes it back."""
    settings = load_settings(data_dir)
    is_chosen = data_dir is not None or not is_empty(os.environ.get(DATA_DIR_VARIABLE, ""))
    directory = str(settings.data_dir) if is_chosen else ""
    hook = [*agents.server_command(in_shell=False), "hook", "claude-code"]
    hook += ["--data-dir", directory] if directory else []
    records = _records(settings)

    def planned(agent: Agent, where: Scope) -> list[Edit]:
        return plan.plan_install(
            agent,
            where,
            command=agents.server_command(in_shell=agent.in_shell),
            hook=hook if hooks else None,
            variables={DATA_DIR_VARIABLE: directory} if directory else {},
        )

    def apply(edit: Edit) -> Path | None:
        return plan.apply_install(edit, records)

    _run(client, scope, planned, apply, dry_run=dry_run, as_json=json)


def uninstall(
    client: Client,
    scope: ScopeName = "user",
    dry_run: DryRun = False,
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """Take back what `install` wrote into a client's configuration; no execution is touched."""
    records = _records(load_settings(data_dir))

    def planned(agent: Agent, where: Scope) -> list[Edit]:
        return plan.plan_uninstall(agent, where, records)

    def apply(edit: Edit) -> None:
        plan.apply_uninstall(edit, records)

    _run(client, scope, planned, apply, dry_run=dry_run, as_json=json)


def _run(
    client: str,
    scope: str,
    planned: Callable[[Agent, Scope], list[Edit]],
    apply: Callable[[Edit], Path | None],
    *,
    dry_run: bool,
    as_json: bool,
) -> None:
    reports = []
    try:
        agent = agents.agent_named(client)
        for edit in planned(agent, _scope(scope)):
            if not as_json:
                typer.echo(edit.difference(), nl=False)
                if edit.command is not None:
                    typer.echo(f"$ {shlex.join(edit.command)}")
            backup = apply(edit) if edit.changes and not dry_run else None
            reports.append(
                {
                    "path": str(edit.path),
                    "changed": edit.changes and not dry_run,
                    "dry_run": dry_run,
                    "removed": edit.after is None and edit.before is not None,
                    "diff": edit.difference(),
                    "command": edit.command,
                    "backup": None if backup is None else str(backup),
                }
            )
            if not as_json:
                typer.echo(f"{edit.path}: {_told(edit, backup, dry_run=dry_run)}")
    except LearningError as error:
        fail(str(error), status=2 if isinstance(error, InvalidInput) else 1)
    if as_json:
        print_json({"client": client, "files": reports})
    elif any(report["changed"] for report in reports):
        typer.echo(f"Restart {agent.title} to have it notice.")


def _records(settings: "Settings") -> InstallRecords:
    return InstallRecords(settings.data_dir / "clients")


def _scope(name: str) -> Scope:
    if name == "user":
        return "user"
    if name == "project":
        return "project"
    raise InvalidInput("scope", f"{name!r} is neither user nor project")


def _told(edit: Edit, backup: Path | None, *, dry_run: bool) -> str:
    if not edit.changes:
        return "nothing to change"
    if dry_run:
        return "not changed, since this was a dry run"
    if edit.after is None:
        return "removed, since there was none before"
    return "written" + ("" if backup is None else f"; as it was: {backup}")
