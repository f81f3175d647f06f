"""Writers of teams, each of which waits for its row to be committed: a process of them.

`python -m benchmarks.teams.writers ADDRESS ROWS TEAM…` prints when they began and ended.
"""

import json
import sys
import time

import anyio

from benchmarks.teams.servers import REPO
from mcp_learning.models.identifiers import uuid7
from mcp_learning.settings import Settings
from mcp_learning.team.access import access
from mcp_learning.team.postgres.remote import Remote
from mcp_learning.team.rows import Row

_AT = "2026-01-01T00:00:00Z"


def _row() -> Row:
    """One that creates an execution with 45 words."""
    doc = {"task_type": "bug_fix", "task_description": "repair the login " * 15, "repo": REPO}
    doc |= {"outcome": "success", "recorded_at": _AT}
    return Row("patch", json.dumps({"task_id": str(uuid7()), "at": _AT, "doc": doc}))


async def _write(remote: Remote, rows: int) -> None:
    team = (await remote.state()).team
    for _ in range(rows):
        await remote.push(team, [_row()])


async def _write_all(address: str, rows: int, teams: list[str]) -> None:
    made = [Settings.load(team=team, team_url=address) for team in teams]
    remotes = [Remote(access(one), timeout=60.0) for one in made]
    for remote in remotes:
        await remote.state()
    begun = time.time()
    async with anyio.create_task_group() as group:
        for remote in remotes:
            group.start_soon(_write, remote, rows)
    print(begun, time.time())
    for remote in remotes:
        await remote.close()


if __name__ == "__main__":
    anyio.run(_write_all, sys.argv[1], int(sys.argv[2]), sys.argv[3:])
