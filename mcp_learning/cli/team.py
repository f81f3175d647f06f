"""`mcp-learning team`: sets up a team's store, and exchanges with it."""

from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from mcp_learning.cli.options import DataDir, Json, Yes
from mcp_learning.cli.output import echo, print_json
from mcp_learning.cli.running import call, confirm, fail, load_settings, run, service
from mcp_learning.errors import TeamError
from mcp_learning.models.wording import counted

if TYPE_CHECKING:
    from mcp_learning.settings import Settings
    from mcp_learning.team.setup import SetUp

ACTIONS = ("init", "upgrade", "status", "join", "leave", "push", "pull")

_DIRECTIONS: dict[str, Literal["both", "push", "pull"]] = {
    "join": "both",
    "push": "push",
    "pull": "pull",
}


def team(
    action: Annotated[
        str,
        typer.Argument(
            metavar="ACTION",
            help="init: create the store, the team and its members; upgrade: bring the store up to "
            "date; status: unsent changes, and how far behind this host is; join, push: exchange "
            "everything, including what was recorded before; pull: only read; leave: make this "
            "database forget the team",
        ),
    ],
    member: Annotated[
        list[str] | None,
        typer.Option("--member", help="init: a role that may read and write; may be repeated"),
    ] = None,
    reader: Annotated[
        list[str] | None, typer.Option("--reader", help="init: a role that may only read")
    ] = None,
    contract: Annotated[
        bool,
        typer.Option(
            "--contract",
            help="upgrade: also remove what only older versions need, which then can't read",
        ),
    ] = False,
    yes: Yes = False,
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """Share executions with a team's PostgreSQL: set it up, exchange, and see what is queued."""
    if action not in ACTIONS:
        fail(f"ACTION: {action!r} is none of {', '.join(ACTIONS)}", 2)
    if (member or reader) and action != "init":
        fail("--member and --reader are for `team init`", 2)
    if contract and action != "upgrade":
        fail("--contract is for `team upgrade`", 2)
    settings = load_settings(data_dir)
    if action != "leave":
        from mcp_learning.team.access import access

        access(settings)  # raises an error if psycopg, which other modules import, is missing
    values, line = _done(settings, action, member or [], reader or [], contract=contract, yes=yes)
    if json:
        print_json(values)
    else:
        echo(line)
    if "trouble" in values:
        raise typer.Exit(1)


def _done(
    settings: "Settings",
    action: str,
    members: list[str],
    readers: list[str],
    *,
    contract: bool,
    yes: bool,
) -> tuple[dict[str, Any], str]:
    """Performs the action; returns the result as JSON values and as a line for people."""
    match action:
        case "init" | "upgrade":
            from mcp_learning.team import setup

            if action == "upgrade":
                done = run(lambda: setup.upgrade(settings, contract=contract), "upgrading")
            else:
                work = partial(setup.set_up, settings, members, readers)
                done = run(work, "setting the store up")
            return _set_up(settings.team, done)
        case "status":
            return run(lambda: _status(settings), "asking")
        case "leave":
            confirm("Forget the team on this host, and changes queued for it?", yes=yes)
            return _leave(settings)
        case _:
            return run(lambda: _exchange(settings, action), "exchanging")


def _set_up(team: str, done: "SetUp") -> tuple[dict[str, Any], str]:
    state, writers, readers, no_meaning = done
    values = {"team": team, "schema_version": state.version, "contracted": state.contracted}
    line = f"The store of the team {team!r} is of version {state.version}"
    for what, roles in (("write", writers), ("only read", readers)):
        line += f"; may {what}: {', '.join(roles)}" if roles else ""
    if no_meaning:
        line += f". Hosts that hold a part of it search the rest by words alone: {no_meaning}"
    values |= {"writers": writers, "readers": readers, "no_meaning": no_meaning}
    return values, f"{line}."


async def _status(settings: "Settings") -> tuple[dict[str, Any], str]:
    from mcp_learning.models.team import TeamHealth
    from mcp_learning.server.answers import structured
    from mcp_learning.team import setup

    async with service(settings) as learning:
        health = await learning.health()
    here = health.team or TeamHealth(team=settings.team, waiting=0)
    try:
        there = await setup.remote_state(settings)
        here = await setup.with_total(settings, there, here)
    except TeamError as error:
        values = {"here": structured(here), "trouble": str(error)}
        return values, f"Team {here.team!r}: {error}. {here.waits}; {here.last_known}."
    behind = there.change - (here.known or 0)
    at = {"role": there.role, "can_write": there.can_write, "changes": there.change}
    rights = "writes" if there.can_write else "only reads"
    lines = [
        f"Team {here.team!r}: this host {rights} as {there.role!r}. {here.waits};",
        f"{behind} of {counted(there.change, 'change')} there are still to come.",
        *([f"Problem: {there.refusal}."] if there.is_old else []),
        *([f"{here.portion}."] if here.portion else []),
        *([f"Problem: {here.problem}."] if here.problem else []),
    ]
    return {"here": structured(here), **at, "behind": behind}, " ".join(lines)


async def _exchange(settings: "Settings", action: str) -> tuple[dict[str, Any], str]:
    from mcp_learning.errors import ConfigurationError
    from mcp_learning.models.team import NO_TEAM, ExchangeWithTeam
    from mcp_learning.server.answers import structured

    if not settings.shares:
        raise ConfigurationError(NO_TEAM)
    request = ExchangeWithTeam(direction=_DIRECTIONS[action], fill=action != "pull")
    async with service(settings) as learning:
        done = await learning.exchange(request)
    before = f", {done.added} of them recorded before" if done.added else ""
    return structured(done), (
        f"{counted(done.pushed, 'change')} sent{before}; "
        f"{counted(done.pulled, 'execution')} received, {done.forgotten} forgotten."
    )


def _leave(settings: "Settings") -> tuple[dict[str, Any], str]:
    from mcp_learning.server.answers import structured

    left = call(settings, lambda learning: learning.leave_team())
    if left.team is None:
        return structured(left), "This database was in no team."
    lost = f"; {counted(left.dropped, 'change')} were not sent" if left.dropped else ""
    return structured(left), f"Left the team {left.team!r}{lost}. No execution was deleted."
