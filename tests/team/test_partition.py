"""Hosts that are cut off from the network and joined again: they go on, and agree in the end."""

import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import anyio
import pytest
from process.wire import Server
from team.certificates import certificate
from team.hosts import REPO, make_team
from team.network import Network
from team.server import PostgresServer
from waiting import wait_until

TASK = {"task_type": "bug_fix", "outcome": "success", "repo": REPO}


class Agent:
    """An agent's server on a host with a network of its own."""

    def __init__(self, network: Network, server: Server) -> None:
        self.network = network
        self._server = server

    def record(self, description: str, task_id: str | None = None, **given: str) -> str:
        values = {**TASK, **given, **({"task_id": task_id} if task_id else {})}
        stored = self._server.content("record_execution", task_description=description, **values)
        return str(stored["task_id"])

    def forget(self, task_id: str) -> None:
        self._server.content("forget_executions", task_ids=[task_id], dry_run=False)

    def known(self, task_id: str) -> dict[str, Any] | None:
        """An execution as the agent sees it."""
        answer = self._server.call("get_execution", task_id=task_id)
        if answer.get("isError"):
            return None
        execution: dict[str, Any] = answer["structuredContent"]["execution"]
        return execution

    def waits(self) -> int:
        """How many changes wait for the team."""
        health = self._server.content("learning_stats")["health"]
        return int(health["team"]["waiting"])


@pytest.fixture
def networks(server: PostgresServer) -> Iterator[list[Network]]:
    """Two of them; `server` says whether there is any PostgreSQL."""
    made: list[Network] = []
    try:
        made += map(Network, (1, 2))
        yield made
    finally:
        for one in made:
            one.remove()


@pytest.fixture
def own_server(networks: list[Network]) -> Iterator[PostgresServer]:
    """A server that listens to these networks, and proves itself to them."""
    made = PostgresServer()
    try:
        made.start()
        made.execute("postgres", "CREATE DATABASE learning")
        made.execute("postgres", *(f"CREATE ROLE {role} LOGIN" for role in ("ada", "ben")))
        anyio.run(make_team, made, "learning", "ada", "ben")
        made.stop()
        addresses = [one.here for one in networks]
        made.listen(addresses, certificate(made.directory, "team", *addresses))
        yield made
    finally:
        made.remove()


@pytest.fixture
def agents(
    networks: list[Network], own_server: PostgresServer, tmp_path: Path
) -> Iterator[list[Agent]]:
    """Ada and Ben, each with a host that has a cable of its own to the server."""
    with ExitStack() as stack:
        started = []
        for network, role in zip(networks, ("ada", "ben"), strict=True):
            root = own_server.directory / "team.crt"
            url = f"postgresql://{role}@{network.here}/learning?sslmode=verify-full"
            given = {
                "MCP_LEARNING_TEAM": "shop",
                "MCP_LEARNING_TEAM_REPOS": "acme/*",
                "MCP_LEARNING_TEAM_URL": f"{url}&sslrootcert={root}",
            }
            command = network.command(sys.executable, "-m", "mcp_learning")
            started.append(stack.enter_context(Server(tmp_path / role, wrapper=command, **given)))
            started[-1].initialize()
        yield [Agent(*one) for one in zip(networks, started, strict=True)]
        for one in started:
            assert one.leave()[0] == 0


def part_and_meet(server: PostgresServer, ada: Agent, ben: Agent, number: int) -> None:
    """Both change, forget and record while nobody reaches the server, and agree afterwards."""
    texts = [f"{number}. {one}" for one in ("mend the cart", "quixotic export", "quixotic invoice")]
    kept = ada.record(texts[0], approach="old", model_tier="small")
    ours = ada.record(texts[1], approach="for nothing")
    theirs = ada.record(texts[2], approach="for nothing, too")
    wait_until(lambda: all(map(ben.known, (kept, ours, theirs))))
    server.execute("learning", "ANALYZE")  # whose statistics have samples of what there is
    for one in (ada, ben):
        one.network.cut()
    ada.record(texts[0], kept, approach="by ada", solution_summary="only ada")
    ada.forget(ours)
    ada.record(texts[2], theirs, approach="quixotic and pending")
    ben.record(texts[0], kept, approach="by ben", model_tier="large")
    ben.record(texts[1], ours, approach="quixotic and pending, too")
    ben.forget(theirs)
    own = ben.record(f"{number}. search without the network")
    assert ada.waits() >= 3
    assert ben.waits() >= 4
    # the one after the other, so that it is certain whose changes come last
    ada.network.join()
    wait_until(lambda: not ada.waits())
    ben.network.join()
    wait_until(lambda: not ben.waits())

    def has_all(one: Agent) -> bool:
        merged, found = one.known(kept) or {}, one.known(own)
        told = [merged.get(name) for name in ("approach", "solution_summary", "model_tier")]
        gone = [one.known(task_id) for task_id in (ours, theirs)]
        return bool(found) and told == ["by ben", "only ada", "large"] and gone == [None, None]

    wait_until(lambda: has_all(ada) and has_all(ben))


def test_hosts_that_were_cut_off_agree_once_they_are_joined_again(
    agents: list[Agent], own_server: PostgresServer, pytestconfig: pytest.Config
) -> None:
    for number in range(pytestconfig.getoption("--cuts")):
        part_and_meet(own_server, agents[0], agents[1], number)
    own_server.execute("learning", "VACUUM FULL", "CHECKPOINT")
    assert own_server.files_with(b"without the network")
    assert not own_server.files_with(b"quixotic")
