"""A host that joins a team with much to read, and is killed on the way: it goes on where it was."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import anyio
import pytest
from team.hosts import hosts, make_team
from team.link import Link
from team.server import PostgresServer

pytestmark = pytest.mark.anyio

ROWS = 3_500
BYTES = 1_200_000
"""Somewhat more than two pages of these rows take."""

MANY = f"""
INSERT INTO mcpl.executions (team, task_id, change, author, updated_at, doc)
SELECT t.team, gen_random_uuid(), n, 'ben', now(), jsonb_build_object('task_type', 'bug_fix',
    'task_description', 'mend the cart ' || n || repeat(' and more', 30), 'outcome', 'success',
    'recorded_at', '2026-01-01T00:00:00Z', 'repo', 'acme/shop')
FROM mcpl.teams t, generate_series(1, {ROWS}) n
"""


async def test_a_first_exchange_that_was_killed_is_resumed_and_nothing_is_read_twice(
    server: PostgresServer, database: str, tmp_path: Path
) -> None:
    await make_team(server, database, "ada")
    server.execute(database, MANY, f"UPDATE mcpl.teams SET change = {ROWS}")
    sockets = server.directory / "first"
    sockets.mkdir()
    environment = {
        **os.environ,
        "MCP_LEARNING_DATA_DIR": str(tmp_path / "host0"),
        "MCP_LEARNING_TEAM": "shop",
        "MCP_LEARNING_TEAM_REPOS": "acme/*",
    }
    command = [sys.executable, "-m", "mcp_learning", "team", "join", "--json"]
    async with Link(server, sockets, most=BYTES).opened() as link:
        environment["MCP_LEARNING_TEAM_URL"] = link.url(database, "ada")
        async with await anyio.open_process(
            command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        ) as joining:
            with anyio.fail_after(60):
                await link.broken.wait()
            joining.send_signal(signal.SIGKILL)
            await joining.wait()
    environment["MCP_LEARNING_TEAM_URL"] = server.url(database, "ada")
    done = await anyio.run_process(command, env=environment)
    assert 0 < json.loads(done.stdout)["pulled"] < ROWS
    async with hosts(server, database, tmp_path, "ada") as (host,):
        assert await host.rows() == ROWS
        assert (await host.exchange()).pulled == 0
