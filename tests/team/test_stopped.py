"""A server that hangs: agents go on over stdio, and no call waits for it."""

import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import anyio
import pytest
from process.wire import Server
from team.hosts import REPO, make_team
from team.server import PostgresServer
from waiting import wait_until

ID = re.compile("[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
TASK = {"task_type": "bug_fix", "outcome": "success", "repo": REPO}


@pytest.fixture
def own_server(server: PostgresServer) -> Iterator[PostgresServer]:
    """A server that may be stopped; `server` says whether there is any."""
    made = PostgresServer()
    try:
        made.start()
        made.execute("postgres", "CREATE ROLE ada LOGIN", "CREATE DATABASE learning")
        anyio.run(make_team, made, "learning", "ada")
        yield made
        made.resume()
    finally:
        made.remove()


class Agent:
    """An agent whose calls are timed."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self.seconds: list[float] = []

    def call(self, tool: str, **arguments: Any) -> dict[str, Any]:
        began = time.monotonic()
        answer = self._server.call(tool, **arguments)
        self.seconds.append(time.monotonic() - began)
        return answer

    def works(self, rounds: int, told: str) -> list[str]:
        """Records, corrects, judges and looks for tasks; returns the ids of what it recorded.

        Args:
            rounds: How often.
            told: What each answer to a change has to say beside the id.
        """
        ids = []
        for number in range(rounds):
            made = str(self.call("record_execution", task_description=f"mend {number}", **TASK))
            ids.append(ID.findall(made)[0])
            given = {**TASK, "task_description": f"mend {number}", "approach": "by hand"}
            answers = [
                made,
                str(self.call("record_execution", task_id=ids[-1], **given)),
                str(self.call("submit_feedback", task_id=ids[-1], accepted="yes")),
            ]
            assert [told in one for one in answers] == [True] * 3
            found = self.call("find_similar_tasks", task_description="mend")
            assert len(found["structuredContent"]["matches"]) >= 1
            assert not self.call("recommend_approach", task_description="mend").get("isError")
            assert "for the team" in str(self.call("learning_stats")["content"])
        return ids


@pytest.mark.parametrize(("acknowledged", "told"), [("local", ""), ("team", "not shared yet")])
def test_no_call_waits_for_a_server_that_hangs(
    own_server: PostgresServer,
    tmp_path: Path,
    pytestconfig: pytest.Config,
    tell: Callable[[str], None],
    acknowledged: str,
    told: str,
) -> None:
    rounds = -(-pytestconfig.getoption("--rows") // 320)
    given = {
        "MCP_LEARNING_TEAM": "shop",
        "MCP_LEARNING_TEAM_URL": own_server.url("learning", "ada"),
        "MCP_LEARNING_TEAM_REPOS": "acme/*",
        "MCP_LEARNING_TEAM_ACK": acknowledged,
    }
    stored = "SELECT doc->>'approach' FROM mcpl.executions ORDER BY 1 NULLS LAST"
    with Server(tmp_path, wrapper=None, **given) as server:
        server.initialize()
        agent = Agent(server)
        agent.call("record_execution", task_description="mend the cart", **TASK)
        wait_until(lambda: own_server.execute("learning", stored) == [(None,)])
        own_server.suspend()
        agent.seconds.clear()
        ids = agent.works(rounds, told)
        own_server.resume()
        approaches = [("by hand",)] * len(set(ids)) + [(None,)]
        wait_until(lambda: own_server.execute("learning", stored) == approaches)
        assert server.leave()[0] == 0
    longest = max(agent.seconds)
    tell(f"{acknowledged}: {len(agent.seconds)} calls, the longest {longest:.2f} s")
