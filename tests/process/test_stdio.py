"""A whole session of the SDK's client with a real server process, in both protocol eras."""

import json
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import anyio
import pytest
from mcp.client.client import Client
from mcp.client.stdio import StdioServerParameters, stdio_client
from mcp.shared.exceptions import MCPError
from mcp_types import (
    CallToolResult,
    PromptReference,
    ResourceTemplateReference,
    TextContent,
    TextResourceContents,
)

pytestmark = pytest.mark.anyio

EXECUTIONS = [
    line.split("|")
    for line in """\
bug_fix|success|Fix the login redirect loop after the session has expired|expire cookie
bug_fix|failure|Stop the worker from being killed because it runs out of memory|raise limit
performance|success|Speed up the CSV export of invoices, which takes a minute|stream rows
feature|success|Add pagination to the users endpoint of the REST API|cursor
docs|success|Translate the settings page and its help texts to German|gettext
refactor|success|Split the billing module into invoices and payments|extract package
test|success|Write unit tests for the date parser and its edge cases|pytest
devops|failure|Shrink the Docker image, which has grown to two gigabytes|alpine
bug_fix|success|Resolve the deadlock when two transactions update the stock|lock order
security|success|Rotate the signing keys of the access tokens every month|key ids
feature|pending|Send an e-mail to the customer when an order is shipped|queue
performance|failure|Make the full-text search of the product catalogue faster|index
bug_fix|success|Correct the rounding error in the VAT of credit notes|decimal
devops|success|Cache the npm dependencies in the continuous integration|lock file key
feature|success|Let people sign in with their Google account|oauth
docs|success|Explain in the README how to set up a development database|compose
refactor|failure|Replace the hand-written date functions with a library|luxon
bug_fix|success|Show umlauts in the names of uploaded files correctly|normalise
test|success|Make the flaky browser test of the basket reliable|wait for event
feature|success|Draw a chart of the monthly revenue on the dashboard|svg""".splitlines()
]
PARAPHRASES = [
    ("users get stuck being redirected to the login form", "login redirect loop"),
    ("downloading all bills as a spreadsheet is slow", "CSV export"),
    ("two database transactions block each other", "deadlock"),
    ("our container image is too big", "Docker image"),
]


@pytest.fixture(
    scope="module",
    params=[("legacy", "2025-11-25"), ("auto", "2026-07-28")],
    ids=lambda era: era[1],
)
def era(request: pytest.FixtureRequest) -> tuple[str, str]:
    """The client's mode, and the version of the protocol that it leads to."""
    mode, version = request.param
    return mode, version


@pytest.fixture(scope="module")
def data_dir(era: tuple[str, str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp(era[1]) / "data"


@pytest.fixture(scope="module")
async def client(era: tuple[str, str], data_dir: Path) -> AsyncIterator[Client]:
    """Connected by `initialize`, or without a handshake after `server/discover`.

    All tests use it. `EXECUTIONS` are in the repository acme/shop, which no test changes.
    """
    own = {"MCP_LEARNING_CONFIG": os.devnull, "MCP_LEARNING_DATA_DIR": str(data_dir)}
    server = StdioServerParameters(
        command=sys.executable, args=["-m", "mcp_learning"], env={**os.environ, **own}
    )
    mode, version = era
    with data_dir.with_name("stderr").open("w") as log:
        async with Client(stdio_client(server, errlog=log), mode=mode) as connected:
            assert connected.protocol_version == version
            await record_all(connected, "acme/shop")
            yield connected


def text_of(result: CallToolResult) -> str:
    (block,) = result.content
    assert isinstance(block, TextContent)
    return block.text


async def call(client: Client, tool: str, **arguments: Any) -> dict[str, Any]:
    result = await client.call_tool(tool, arguments)
    assert not result.is_error, text_of(result)
    assert result.structured_content is not None
    content: dict[str, Any] = result.structured_content
    return content


async def read(client: Client, uri: str) -> str:
    (content,) = (await client.read_resource(uri)).contents
    assert isinstance(content, TextResourceContents)
    return content.text


async def record_all(client: Client, repo: str) -> list[str]:
    ids = []
    for task_type, outcome, description, approach in EXECUTIONS:
        arguments = {"task_type": task_type, "outcome": outcome, "approach": approach}
        recorded = await call(
            client, "record_execution", task_description=description, repo=repo, **arguments
        )
        ids.append(str(recorded["task_id"]))
    return ids


async def test_tools_prompts_and_completions_know_what_was_recorded(client: Client) -> None:
    for paraphrase, expected in PARAPHRASES:
        found = await call(client, "find_similar_tasks", task_description=paraphrase)
        assert expected in found["matches"][0]["task_description"]
    cake = {"task_description": "bake a chocolate cake", "repo": "acme/shop"}
    nothing = await call(client, "find_similar_tasks", **cake)
    assert nothing["matches"] == []
    assert nothing["search"]["candidates"] == 20
    assert not nothing["search"]["degraded"]

    assert {prompt.name for prompt in (await client.list_prompts()).prompts} == {
        "start_task",
        "finish_task",
        "distill",
    }

    start = await client.get_prompt("start_task", {"task_description": PARAPHRASES[0][0]})
    content = start.messages[0].content
    assert isinstance(content, TextContent)
    assert "Fix the login redirect loop" in content.text
    finish = await client.get_prompt(
        "finish_task", {"task_description": "Fix it", "approach": "expire cookie"}
    )
    content = finish.messages[0].content
    assert isinstance(content, TextContent)
    assert "record_execution" in content.text
    assert "approach: expire cookie" in content.text

    reference = PromptReference(type="ref/prompt", name="finish_task")
    for argument, prefix, values in (
        ("task_type", "b", ["bug_fix"]),
        ("repo", "acme", ["acme/shop"]),
        ("approach", "key", ["key ids"]),
        ("error_type", "qua", ["quality_gate"]),
        ("task_description", "F", []),
    ):
        completed = await client.complete(reference, {"name": argument, "value": prefix})
        assert completed.completion.values == values
    template = ResourceTemplateReference(type="ref/resource", uri="learning://executions/{task_id}")
    assert (
        await client.complete(template, {"name": "task_id", "value": "0"})
    ).completion.values == []


async def test_a_session_goes_through_everything_that_the_server_offers(client: Client) -> None:
    assert len((await client.list_tools()).tools) == 10
    assert client.instructions
    ids = await record_all(client, "bank/app")

    again = await call(
        client,
        "record_execution",
        task_id=ids[10],
        task_type="feature",
        task_description=EXECUTIONS[10][2],
        outcome="success",
        repo="bank/app",
        used_task_ids=[ids[0]],
    )
    assert again == {"task_id": ids[10], "created": False, "redactions": 0}
    stored = await call(client, "submit_feedback", task_id=ids[0], rating=5, accepted="yes")
    assert stored["feedback_count"] == 1
    detail = await call(client, "get_execution", task_id=ids[0])
    assert detail["used_by"] == [{"task_id": ids[10], "outcome": "success"}]
    assert detail["feedback"][0]["rating"] == 5
    stats = await call(client, "learning_stats", group_by="task_type", repo="bank/app")
    assert (stats["totals"]["executions"], stats["totals"]["pending"]) == (20, 0)
    assert stats["groups"][0]["key"] == "bug_fix"
    built = await call(client, "rebuild_index", preset="fast")
    assert built["rows"] == stats["health"]["rows"] >= 40
    docs = {"repo": "bank/app", "task_type": "docs"}
    dry = await call(client, "forget_executions", **docs)
    assert (dry["executions"], dry["dry_run"]) == (2, True)
    gone = await call(client, "forget_executions", **docs, dry_run=False)
    assert gone["executions"] == 2

    status = json.loads(await read(client, "learning://status"))
    assert (status["rows"], status["index"]["state"]) == (built["rows"] - 2, "ready")
    execution = json.loads(await read(client, f"learning://executions/{ids[0]}"))
    assert execution["execution"]["approach"] == "expire cookie"
    insights = await read(client, "learning://insights")
    assert insights.startswith("# Insights\n")
    assert f"- {status['rows']} executions, " in insights
    assert "`bug_fix`" in insights
    for unknown in (ids[4], "not-an-id"):
        with pytest.raises(MCPError, match="task_id"):
            await read(client, f"learning://executions/{unknown}")


async def test_what_is_recorded_is_recommended_and_what_was_used_gains_weight(
    client: Client,
) -> None:
    pages = ("start", "account", "basket", "search")
    ids: dict[str, str] = {}
    for number, page in enumerate(pages):
        for approach, outcome in (("expire cookie", "success"), ("add redirect", "failure")):
            recorded = await call(
                client,
                "record_execution",
                task_type="incident",
                task_description=f"Fix the login redirect loop on the {page} page",
                approach=approach,
                outcome=outcome,
                **({"error_type": "timeout"} if outcome == "failure" else {}),
                used_task_ids=list(ids.values()) if outcome == "success" else [],
            )
            if not number:
                ids[approach] = recorded["task_id"]

    words = "Users are in a login redirect loop on the help page"
    question = {"task_description": words, "task_type": "incident"}
    advice = await call(client, "recommend_approach", **question)
    assert (advice["verdict"], advice["leader"]) == ("evidence", "better")
    assert [one["label"] for one in advice["options"]] == ["expire cookie", "add redirect"]
    assert advice["pitfalls"][0]["error_type"] == "timeout"
    assert await call(client, "recommend_approach", **question) == advice

    detail = await call(client, "get_execution", task_id=ids["expire cookie"])
    assert len(detail["used_by"]) == 3
    assert detail["weight"] > 1
    told = [i for one in advice["options"] for i in one["evidence"]]
    seen = await call(client, "get_execution", task_id=told[0])
    assert seen["times_returned"] == 2

    prompt = await client.get_prompt("start_task", question)
    assert "expire cookie" in str(prompt.messages)
    nothing = await call(client, "recommend_approach", task_description="bake a chocolate cake")
    assert nothing["verdict"] == "insufficient_evidence"


async def test_a_rebuild_reports_progress_and_a_cancelled_one_ends(
    client: Client, data_dir: Path
) -> None:
    heard: list[tuple[float, float | None, str | None]] = []

    async def note(progress: float, total: float | None, message: str | None) -> None:
        heard.append((progress, total, message))

    result = await client.call_tool("rebuild_index", {"reembed": True}, progress_callback=note)

    assert not result.is_error
    assert [share for share, _, _ in heard] == sorted(share for share, _, _ in heard)
    assert heard[-1][0] == heard[-1][1] == 1.0
    assert len(heard) >= 3
    assert all(message for _, _, message in heard)

    index = data_dir / "index"

    with anyio.CancelScope() as scope:

        async def cancel(progress: float, total: float | None, message: str | None) -> None:
            assert list(index.glob("building.*"))
            scope.cancel()

        await client.call_tool("rebuild_index", {"preset": "fast"}, progress_callback=cancel)
    assert scope.cancelled_caught

    built = None  # the cancellation is a message too: until it has arrived, a rebuild is refused
    while built is None or built.is_error:
        built = await client.call_tool("rebuild_index", {"preset": "high_recall"})
        assert not built.is_error or "under way" in text_of(built)
    assert built.structured_content is not None
    assert built.structured_content["m"] == 32
    assert not list(index.glob("building.*"))
    found = await call(client, "find_similar_tasks", task_description=PARAPHRASES[0][0])
    assert len(found["matches"]) >= 1
