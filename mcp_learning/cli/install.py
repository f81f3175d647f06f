"""`install` and `uninstall`: shows what changes in a client's configuration, then changes it."""

import json
import os
from pathlib import Path
from typing import Any

import typer

from mcp_learning.cli.session import fail, load_settings
from mcp_learning.clients.install import agents, plan
from mcp_learning.clients.install.agents import Scope, Surroundings
from mcp_learning.clients.install.files import InstallRecords
from mcp_learning.clients.install.plan import Edit
from mcp_learning.errors import InvalidInput, LearningError

DATA_DIR = "MCP_LEARNING_DATA_DIR"


def install(
    client: str, *, scope: str, dry_run: bool, hooks: bool, data_dir: Path | None, as_json: bool
) -> None:
    """Configures a client to start this server."""
    try:
        agent, where, receipts = agents.agent_named(client), _scope(scope), _receipts(data_dir)
        chosen = str(data_dir or os.environ.get(DATA_DIR) or "")
        directory = str(Path(chosen).expanduser().absolute()) if chosen else ""
        hook = [*agents.command(False), "hook", "claude-code"]
        edits = plan.plan_install(
            agent,
            where,
            _surroundings(),
            command=agents.command(agent.in_shell),
            hook=[*hook, *(["--data-dir", directory] if directory else [])] if hooks else None,
            environment={DATA_DIR: directory} if directory else {},
        )
        reports = []
        for edit in edits:
            _show(edit, as_json=as_json)
            report = _report(edit, dry_run=dry_run)
            if edit.changes and not dry_run:
                backup = plan.carry_out_install(edit, receipts)
                report["backup"] = None if backup is None else str(backup)
            reports.append(report)
            _tell(report, as_json=as_json)
    except LearningError as error:
        fail(str(error), status=2 if isinstance(error, InvalidInput) else 1)
    _finish(client, reports, as_json=as_json)


def uninstall(
    client: str, *, scope: str, dry_run: bool, data_dir: Path | None, as_json: bool
) -> None:
    """Takes back what `install` wrote."""
    try:
        agent, where, receipts = agents.agent_named(client), _scope(scope), _receipts(data_dir)
        reports = []
        for edit in plan.plan_uninstall(agent, where, _surroundings(), receipts):
            _show(edit, as_json=as_json)
            if edit.changes and not dry_run:
                plan.carry_out_uninstall(edit, receipts)
            reports.append(_report(edit, dry_run=dry_run))
            _tell(reports[-1], as_json=as_json)
    except LearningError as error:
        fail(str(error), status=2 if isinstance(error, InvalidInput) else 1)
    _finish(client, reports, as_json=as_json)


def _scope(name: str) -> Scope:
    if name == "user":
        return "user"
    if name == "project":
        return "project"
    raise InvalidInput("scope", f"{name!r} is neither user nor project")


def _surroundings() -> Surroundings:
    return Surroundings(home=Path.home(), project=Path.cwd(), environment=os.environ)


def _receipts(data_dir: Path | None) -> InstallRecords:
    return InstallRecords(load_settings(data_dir).data_dir / "clients")


def _report(edit: Edit, *, dry_run: bool) -> dict[str, Any]:
    return {
        "path": str(edit.path),
        "changed": edit.changes and not dry_run,
        "dry_run": dry_run,
        "removed": edit.after is None and edit.before is not None,
        "diff": edit.difference(),
    }


def _show(edit: Edit, *, as_json: bool) -> None:
    if edit.changes and not as_json:
        typer.echo(edit.difference(), nl=False)


def _tell(report: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        return
    path = report["path"]
    if not report["diff"]:
        typer.echo(f"{path}: nothing to change")
    elif report["dry_run"]:
        typer.echo(f"{path}: not changed, since this was a dry run")
    elif report["removed"]:
        typer.echo(f"{path}: removed, since there was none before")
    else:
        kept = f"; as it was: {report['backup']}" if report.get("backup") else ""
        typer.echo(f"{path}: written{kept}")


def _finish(client: str, reports: list[dict[str, Any]], *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps({"client": client, "files": reports}))
    elif any(report["changed"] for report in reports):
        typer.echo(f"Restart {agents.AGENTS[client].title} to have it notice.")
