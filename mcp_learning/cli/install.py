"""`install` and `uninstall`: shows what changes in a client's configuration, then changes it."""

import os
import shlex
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated, Any, cast

import platformdirs
import typer

from mcp_learning.cli.options import DataDir, DryRun, Json
from mcp_learning.cli.output import print_json
from mcp_learning.cli.running import error_text, fail, load_settings
from mcp_learning.clients.install import agents, plan, plugins
from mcp_learning.clients.install.agents import Agent, Scope
from mcp_learning.clients.install.files import InstallRecords
from mcp_learning.clients.install.hook_entries import HOOKS
from mcp_learning.clients.install.plan import Edit
from mcp_learning.environment import DATA_DIR_VARIABLE, is_empty
from mcp_learning.errors import InvalidInput, LearningError
from mcp_learning.settings import APP_NAME

Client = Annotated[
    str,
    typer.Argument(
        metavar="CLIENT",
        help="claude-code, claude-desktop, cursor, vscode, codex, gemini or copilot; or --all",
        show_default=False,
    ),
]
AllClients = Annotated[bool, typer.Option("--all", help="Every client that is found here")]
ScopeName = Annotated[str, typer.Option(help="user: everywhere; project: in the current directory")]
Plugin = Annotated[
    bool,
    typer.Option(
        "--plugin", help="Claude Code, Codex, Copilot CLI: server, hooks and a skill as a plugin"
    ),
]


def install(
    client: Client = "",
    every: AllClients = False,
    scope: ScopeName = "user",
    hooks: Annotated[
        bool, typer.Option("--hooks", help="Recall and record by the client's hooks, too")
    ] = False,
    plugin: Plugin = False,
    dry_run: DryRun = False,
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """Add this server to an agent client's configuration; `uninstall` removes it."""
    if plugin:
        for option, given in (("--data-dir", data_dir is not None), ("--scope", scope != "user")):
            if given:
                fail(f"{option} can't be used with --plugin: leave one of them out", 2)
        _run_plugin(client, every=every, remove=False, dry_run=dry_run, as_json=json)
        return
    settings = load_settings(data_dir)
    is_chosen = data_dir is not None or not is_empty(os.environ.get(DATA_DIR_VARIABLE, ""))
    directory = str(settings.data_dir) if is_chosen else ""
    program = agents.server_command(in_shell=False)
    options = ["--data-dir", directory] if directory else []
    records = _records()

    def planned(agent: Agent, where: Scope) -> list[Edit]:
        wants_hooks = hooks and not (every and agent.name not in HOOKS)
        return plan.plan_install(
            agent,
            where,
            command=agents.server_command(in_shell=agent.in_shell),
            hook=[*program, "hook", agent.name, *options] if wants_hooks else None,
            variables={DATA_DIR_VARIABLE: directory} if directory else {},
        )

    chosen = _agents(client, every=every)
    apply = partial(plan.apply_install, records=records)
    _run(chosen, scope, planned, apply, every=every, dry_run=dry_run, as_json=json)
    if not (hooks or json) and any(agent.name in HOOKS for agent in chosen):
        typer.echo("With --hooks, agents are told what is likely to matter, and tasks recorded.")


def uninstall(
    client: Client = "",
    every: AllClients = False,
    scope: ScopeName = "user",
    plugin: Plugin = False,
    dry_run: DryRun = False,
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """Remove what `install` wrote into a client's configuration; no execution is touched."""
    if plugin:
        _run_plugin(client, every=every, remove=True, dry_run=dry_run, as_json=json)
        return
    load_settings(data_dir)  # which refuses wrong ones
    records = _records()
    planned = partial(plan.plan_uninstall, records=records)
    apply = partial(plan.apply_uninstall, records=records)
    chosen = _agents(client, every=every)
    _run(chosen, scope, planned, apply, every=every, dry_run=dry_run, as_json=json)


def _records() -> InstallRecords:
    """Those of this user, wherever the database is: an uninstall may not be told where."""
    return InstallRecords(platformdirs.user_data_path(APP_NAME) / "clients")


def _agents(client: str, *, every: bool) -> list[Agent]:
    """The clients to change. Ends the command if that isn't clear, or there is none."""
    if every == bool(client):
        fail("CLIENT: name one, or give --all", status=2)
    if every:
        found = [agent for agent in agents.AGENTS.values() if agents.is_installed(agent)]
        if not found:
            fail(f"--all: none of {', '.join(agents.AGENTS)} is here; name the one that is meant")
        return found
    try:
        return [agents.agent_named(client)]
    except InvalidInput as error:
        fail(error_text(error), status=2)


def _run(
    chosen: list[Agent],
    scope: str,
    planned: Callable[[Agent, Scope], list[Edit]],
    apply: Callable[[Edit], Path | None],
    *,
    every: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    reports, changed, failed = [], [], []
    for agent in chosen:
        try:
            files = [
                _applied(edit, apply, dry_run=dry_run, as_json=as_json)
                for edit in planned(agent, _scope(scope))
            ]
        except LearningError as error:
            failed.append((agent, error_text(error), isinstance(error, InvalidInput)))
            continue
        reports.append({"client": agent.name, "files": files})
        changed += [agent.title] if any(file["changed"] for file in files) else []
    if as_json and reports:
        print_json({"clients": reports} if every else reports[0])
    elif changed:
        typer.echo(f"Restart {', '.join(changed)} to have it noticed.")
    if failed:
        lines = [f"{who.title}: {why}" if every else why for who, why, _ in failed]
        fail("; ".join(lines), status=2 if failed[0][2] else 1)


def _run_plugin(client: str, *, every: bool, remove: bool, dry_run: bool, as_json: bool) -> None:
    if every:
        fail("--plugin: name the client, instead of --all", status=2)
    (agent,) = _agents(client, every=False)
    try:
        commands = plugins.commands(agent, remove=remove)
        for command in commands:
            if not as_json:
                typer.echo(f"$ {shlex.join(command)}")
            if not dry_run:
                plugins.carry_out(command)
    except LearningError as error:
        fail(error_text(error), status=2 if isinstance(error, InvalidInput) else 1)
    if as_json:
        print_json({"client": agent.name, "commands": commands, "dry_run": dry_run})
    elif not dry_run:
        typer.echo(f"Restart {agent.title} to have it noticed.")


def _applied(
    edit: Edit, apply: Callable[[Edit], Path | None], *, dry_run: bool, as_json: bool
) -> dict[str, Any]:
    """Shows a change and makes it; returns the result."""
    if not as_json:
        typer.echo(edit.difference(), nl=False)
        if edit.command is not None:
            typer.echo(f"$ {shlex.join(edit.command)}")
    backup = apply(edit) if edit.changes and not dry_run else None
    if not as_json:
        typer.echo(f"{edit.path}: {_told(edit, backup, dry_run=dry_run)}")
    return {
        "path": str(edit.path),
        "changed": edit.changes and not dry_run,
        "dry_run": dry_run,
        "removed": edit.after is None and edit.before is not None,
        "diff": edit.difference(),
        "command": edit.command,
        "backup": None if backup is None else str(backup),
    }


def _scope(name: str) -> Scope:
    if name not in ("user", "project"):
        raise InvalidInput("scope", f"{name!r} is neither user nor project")
    return cast("Scope", name)


def _told(edit: Edit, backup: Path | None, *, dry_run: bool) -> str:
    if not edit.changes:
        return "nothing to change"
    if dry_run:
        return "not changed, since this was a dry run"
    if edit.after is None:
        return "removed, since there was none before"
    return "written" + ("" if backup is None else f"; as it was: {backup}")
