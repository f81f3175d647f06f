"""`mcp-learning team`: sets a team's store up, and exchanges with it."""

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from mcp_learning.cli.options import DataDir, Json, Yes
from mcp_learning.cli.output import print_json, say
from mcp_learning.cli.running import ask, confirm, fail, load_settings, run, service, told
from mcp_learning.errors import LearningError
from mcp_learning.models.fields import Model
from mcp_learning.models.team import Exchanged, LeftTeam, TeamHealth
from mcp_learning.models.wording import counted

if TYPE_CHECKING:
    from mcp_learning.settings import Settings


class TeamAction(StrEnum):
    """What is to be done."""

    INIT = "init"
    UPGRADE = "upgrade"
    STATUS = "status"
    JOIN = "join"
    LEAVE = "leave"
    PUSH = "push"
    PULL = "pull"


_DIRECTIONS: dict[TeamAction, Literal["both", "push", "pull"]] = {
    TeamAction.JOIN: "both",
    TeamAction.PUSH: "push",
    TeamAction.PULL: "pull",
}


class TeamSetUp(Model):
    """What `team init` and `team upgrade` print with --json."""

    team: str
    schema_version: int
    contracted: int
    writers: list[str] = []
    readers: list[str] = []


class TeamStatus(Model):
    """What `team status` prints with --json."""

    here: TeamHealth
    role: str
    can_write: bool
    changes: int
    behind: int


def team(
    action: Annotated[
        TeamAction,
        typer.Argument(
            metavar="ACTION",
            help="init: make the store, the team and its members; upgrade: bring the store up to "
            "date; status: what waits, and how far behind this host is; join, push: exchange "
            "everything, also what was recorded before; pull: only read; leave: forget the team "
            "here",
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
            help="upgrade: also take away what only older versions need; they can't read then",
        ),
    ] = False,
    yes: Yes = False,
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """Share what is recorded with a team's PostgreSQL: set it up, exchange, and see what waits."""
    if (member or reader) and action is not TeamAction.INIT:
        fail("--member and --reader are for `team init`", 2)
    if contract and action is not TeamAction.UPGRADE:
        fail("--contract is for `team upgrade`", 2)
    settings = load_settings(data_dir)
    if action is not TeamAction.LEAVE:
        _refuse_without_access(settings)
    report = _done(settings, action, member or [], reader or [], contract=contract, yes=yes)
    if json:
        print_json(report)
    else:
        say(_told(report))


def _refuse_without_access(settings: "Settings") -> None:
    from mcp_learning.team.access import access

    try:
        access(settings)  # before psycopg is imported elsewhere, which may not be installed
    except LearningError as error:
        fail(told(error))


def _done(
    settings: "Settings",
    action: TeamAction,
    members: list[str],
    readers: list[str],
    *,
    contract: bool,
    yes: bool,
) -> "TeamSetUp | TeamStatus | Exchanged | LeftTeam":
    match action:
        case TeamAction.INIT:
            return run(lambda: _set_up(settings, members, readers), "setting the store up")
        case TeamAction.UPGRADE:
            return run(lambda: _upgrade(settings, contract=contract), "upgrading")
        case TeamAction.STATUS:
            return run(lambda: _status(settings), "asking")
        case TeamAction.LEAVE:
            confirm("Forget the team here, and what waits for it?", yes=yes)
            return ask(settings, lambda learning: learning.leave_team())
        case _:
            return run(lambda: _exchange(settings, action), "exchanging")


async def _set_up(settings: "Settings", members: list[str], readers: list[str]) -> TeamSetUp:
    from mcp_learning.team import setup

    done = await setup.set_up(settings, members, readers)
    return TeamSetUp(
        team=settings.team,
        schema_version=done.state.version,
        contracted=done.state.contracted,
        writers=done.writers,
        readers=done.readers,
    )


async def _upgrade(settings: "Settings", *, contract: bool) -> TeamSetUp:
    from mcp_learning.team import setup

    state = await setup.upgrade(settings, contract=contract)
    return TeamSetUp(team=settings.team, schema_version=state.version, contracted=state.contracted)


async def _status(settings: "Settings") -> TeamStatus:
    from mcp_learning.team import setup

    there = await setup.remote_state(settings)
    async with service(settings) as learning:
        health = await learning.health()
    here = health.team or TeamHealth(team=settings.team, waiting=0)
    here = await setup.with_total(settings, there, here)
    return TeamStatus(
        here=here,
        role=there.role,
        can_write=there.can_write,
        changes=there.change,
        behind=there.change - (here.known or 0),
    )


async def _exchange(settings: "Settings", action: TeamAction) -> Exchanged:
    from mcp_learning.errors import ConfigurationError
    from mcp_learning.models.team import NO_TEAM, ExchangeWithTeam

    if not settings.shares:
        raise ConfigurationError(NO_TEAM)
    request = ExchangeWithTeam(
        direction=_DIRECTIONS[action],
        fill=action is not TeamAction.PULL,
    )
    async with service(settings) as learning:
        return await learning.exchange(request)


def _told(report: "TeamSetUp | TeamStatus | Exchanged | LeftTeam") -> str:
    match report:
        case TeamSetUp():
            text = f"The store of the team {report.team!r} is of version {report.schema_version}"
            for what, roles in (("write", report.writers), ("only read", report.readers)):
                text += f"; may {what}: {', '.join(roles)}" if roles else ""
            return f"{text}."
        case TeamStatus():
            return " ".join(status_lines(report))
        case LeftTeam():
            if report.team is None:
                return "This database was in no team."
            lost = f"; {counted(report.dropped, 'change')} never got there" * (report.dropped > 0)
            return f"Left the team {report.team!r}{lost}. No execution was deleted."
        case _:
            before = f", {report.added} of them recorded before" if report.added else ""
            return (
                f"{counted(report.pushed, 'change')} sent{before}; "
                f"{counted(report.pulled, 'execution')} taken in, {report.forgotten} forgotten."
            )


def status_lines(report: TeamStatus) -> list[str]:
    """A status as sentences."""
    rights = "writes" if report.can_write else "only reads"
    waits = counted(report.here.waiting, "change")
    since = f" since {report.here.waiting_since:%Y-%m-%d %H:%M} UTC" if report.here.waiting else ""
    return [
        f"Team {report.here.team!r}: this host {rights} as {report.role!r}.",
        f"{waits} {'waits' if report.here.waiting == 1 else 'wait'} here{since};",
        f"{report.behind} of {counted(report.changes, 'change')} there are still to come.",
        *([f"{report.here.portion}."] if report.here.portion else []),
        *([f"Problem: {report.here.problem}."] if report.here.problem else []),
    ]
