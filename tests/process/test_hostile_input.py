"""Whatever arrives on stdin is answered, and the server serves on."""

import json
import os
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from process.wire import Server

from mcp_learning.server.tools import TOOLS

TASK = {"task_type": "bug_fix", "task_description": "fix the login", "outcome": "success"}
ID = "01a205cd-bc2b-7552-b855-cb78666bdacf"
LEAKS = ("Traceback", "SELECT ", "INSERT ", "UPDATE ", "DELETE ", "pydantic.dev", 'File "')


pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs a shell")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server for all tests here: what breaks it in one shows in the next."""
    directory = tmp_path_factory.mktemp("hostile")
    # To a file: nobody reads it while the tests run, and a full pipe would stop the server.
    shell = ["/bin/sh", "-c", f"exec {sys.executable} -m mcp_learning 2>{directory / 'stderr'}"]
    with Server(
        directory / "data",
        wrapper=shell,
        MCP_LEARNING_DATA_DIR=str(directory / "data"),
        MCP_LEARNING_CONFIG=os.devnull,
    ) as started:
        started.initialize()
        yield started
        status, _ = started.leave()
    assert status == 0
    assert "Traceback" not in (directory / "stderr").read_text()


def assert_serves(server: Server) -> None:
    result = server.call("record_execution", **TASK)
    assert result["structuredContent"]["task_id"]


def raw_call(arguments: str, request_id: str = "7") -> bytes:
    params = f'{{"name": "find_similar_tasks", "arguments": {arguments}}}'
    return (
        f'{{"jsonrpc": "2.0", "id": {request_id}, "method": "tools/call", "params": {params}}}'
    ).encode()


def nested(levels: int) -> str:
    return '{"task_description": ' + '{"a": ' * levels + "1" + "}" * levels + "}"


LINES = {
    "not JSON": b"this is not JSON",
    "cut short": b'{"jsonrpc": "2.0", "id": 7, "method": "tools/ca',
    "a number": b"17",
    "a text": b'"hello"',
    "null": b"null",
    "an empty object": b"{}",
    "an empty list": b"[]",
    "a batch of no request": b'[{"jsonrpc": "2.0", "id": 7, "method": 5}]',
    "bytes that are not UTF-8": b'{"jsonrpc": "2.0", "id": 7, "method": "\xff\xfe"}',
    "a NUL": b'{"jsonrpc": "2.0", "id": 7, "method": "tools/list\x00"}',
    "another version": b'{"jsonrpc": "1.0", "id": 7, "method": "tools/list"}',
    "no version": b'{"id": 7, "method": "tools/list"}',
    "an id that is an object": b'{"jsonrpc": "2.0", "id": {}, "method": "tools/list"}',
    "an id that is a fraction": b'{"jsonrpc": "2.0", "id": 1.5, "method": "tools/list"}',
    "an id that is huge": b'{"jsonrpc": "2.0", "id": ' + b"9" * 5_000 + b', "method": "ping"}',
    "an id with leading zeros": b'{"jsonrpc": "2.0", "id": 007, "method": "ping"}',
    "an id with a raw tab": b'{"jsonrpc": "2.0", "id": "a\tb", "method": "ping"}',
    "an id that is a bool": raw_call('{"task_description": "\\ud800"}', "true"),
    "an id that holds an escape of another line": b'{"jsonrpc": "2.0", "id": "\\u000a", "x": }',
    "an id with a lone surrogate": raw_call('{"task_description": "x"}', '"\\ud800"'),
    "a tool name with a lone surrogate": raw_call("{}").replace(b"find_", b"\\ud800"),
    "an id of 1 MB": b'{"jsonrpc": "2.0", "id": "' + b"x" * 2**20 + b'", "method": "nope"}',
    "a line of 40 MB": b'{"jsonrpc": "2.0", "id": 7, "method": "' + b"x" * 40 * 2**20 + b'"}',
    "a method that is unknown": b'{"jsonrpc": "2.0", "id": 7, "method": "tools/destroy"}',
    "a method that is a number": b'{"jsonrpc": "2.0", "id": 7, "method": 5}',
    "params that are a list": b'{"jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": []}',
    "params that are a text": b'{"jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": "x"}',
    "no params": b'{"jsonrpc": "2.0", "id": 7, "method": "tools/call"}',
    "a tool that is a number": b'{"jsonrpc": "2.0", "id": 7, "method": "tools/call", '
    b'"params": {"name": 5, "arguments": {}}}',
    "arguments that are a list": raw_call("[1, 2]"),
    "arguments that are a text": raw_call('"x"'),
    "arguments that are a list within a text": raw_call('"[1, 2]"'),
    "arguments that are half an object within a text": raw_call('"{"'),
    "arguments that are null": raw_call("null"),
    "a lone surrogate in a name": raw_call('{"\\udfff": 1}'),
    "a NaN": raw_call('{"task_description": "x", "min_similarity": NaN}'),
    "an infinity": raw_call('{"task_description": "x", "min_similarity": 1e999}'),
    "a number of 5,000 digits": raw_call('{"task_description": "x", "limit": ' + "9" * 5_000 + "}"),
    "a text of 1 MB": raw_call('{"task_description": "' + "word " * 210_000 + '"}'),
    "nesting of 100 levels": raw_call(nested(100)),
    "nesting of 5,000 levels": raw_call(nested(5_000)),
    "nesting of 100,000 levels": raw_call(nested(100_000)),
    "a resource that is not there": b'{"jsonrpc": "2.0", "id": 7, "method": "resources/read", '
    b'"params": {"uri": "learning://executions/..%2f..%2fetc"}}',
    "a prompt that is not there": b'{"jsonrpc": "2.0", "id": 7, "method": "prompts/get", '
    b'"params": {"name": "nope"}}',
    "a prompt without its argument": b'{"jsonrpc": "2.0", "id": 7, "method": "prompts/get", '
    b'"params": {"name": "start_task"}}',
    "a level that is not there": b'{"jsonrpc": "2.0", "id": 7, "method": "logging/setLevel", '
    b'"params": {"level": "loud"}}',
}


@pytest.mark.parametrize("request_id", ["[]", "{}", "[1]", "null", "true", "1.5"])
def test_a_cancellation_of_what_is_no_id_is_passed_over(request_id: str, server: Server) -> None:
    params = f'{{"requestId": {request_id}}}'
    notification = '{"jsonrpc": "2.0", "method": "notifications/cancelled", "params": '
    server.send((notification + params + "}").encode())
    assert_serves(server)


ACCEPTED = {
    "a lone surrogate": '{"task_description": "a\\ud800b"}',
    "a NUL in a text": '{"task_description": "a\\u0000b"}',
    "colours": '{"task_description": "\\u001b[31mE AssertionError\\u001b[0m"}',
    "arguments as a text": json.dumps('{"task_description": "x", "limit": 3}'),
    "arguments as a text with a lone surrogate": json.dumps('{"task_description": "\\ud800"}'),
}


@pytest.mark.parametrize("arguments", ACCEPTED.values(), ids=ACCEPTED.keys())
def test_what_clients_send_for_a_text_or_an_object_is_accepted(
    arguments: str, server: Server
) -> None:
    server.send(raw_call(arguments))
    answer = server.receive()
    assert answer["id"] == 7
    assert not answer["result"].get("isError"), answer


@pytest.mark.parametrize("line", LINES.values(), ids=LINES.keys())
def test_a_malformed_line_is_answered_with_an_error(line: bytes, server: Server) -> None:
    server.send(line)

    answer = server.receive()

    assert answer["jsonrpc"] == "2.0"
    assert ("error" in answer) or answer["result"]["isError"]
    assert_no_leak(answer)
    assert_serves(server)


def assert_no_leak(answer: dict[str, Any]) -> None:
    text = json.dumps(answer.get("error") or answer["result"]["content"])
    assert len(text) < 5_000
    assert not any(leak in text for leak in LEAKS)


def test_an_answer_carries_the_id_of_its_request_where_one_can_be_read(server: Server) -> None:
    for line, expected in (
        (raw_call('{"task_description": "\\ud800"}', '"abc"'), "abc"),
        (raw_call(nested(5_000), "41"), 41),
        (b'{"jsonrpc": "2.0", "id": 42, "method": "tools/destroy"}', 42),
        (b'{"jsonrpc": "2.0", "id": 43, "method": 5}', 43),
        (b"this is not JSON", None),
    ):
        server.send(line)
        assert server.receive()["id"] == expected


def test_empty_lines_and_unknown_notifications_are_passed_over(server: Server) -> None:
    server.send({"jsonrpc": "2.0", "method": "notifications/nonsense", "params": {"a": 1}})
    server.send(
        {
            "jsonrpc": "2.0",
            "method": "notifications/cancelled",
            "params": {"requestId": "no such request"},
        }
    )
    assert_serves(server)


TEXTS = st.text(max_size=30) | st.sampled_from(
    [ID, "", " ", "success", "any", "'; DROP TABLE executions; --", "%s %d {}", "\u202e", "a\x00"]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=5,
)
VALID: dict[str, dict[str, Any]] = {
    "record_execution": TASK,
    "find_similar_tasks": {"task_description": "login"},
    "submit_feedback": {"task_id": ID, "rating": 3},
    "get_execution": {"task_id": ID},
    "forget_executions": {"task_ids": [ID]},
}


@given(st.data())
@settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_any_arguments_get_a_result_or_a_tool_error(server: Server, data: st.DataObject) -> None:
    tool = data.draw(st.sampled_from([tool for tool in TOOLS if tool.name != "rebuild_index"]))
    names = st.sampled_from(sorted(tool.request.model_fields)) | TEXTS
    arguments = data.draw(st.dictionaries(names, JSON, max_size=4))
    if data.draw(st.booleans()):
        arguments = VALID.get(tool.name, {}) | arguments
    if tool.name == "forget_executions":
        arguments["dry_run"] = True

    result = server.call(tool.name, **arguments)

    text = "".join(block["text"] for block in result["content"])
    assert not any(leak in text for leak in LEAKS)
    assert result.get("isError") or result["structuredContent"] is not None
    if result.get("isError"):
        assert len(text.splitlines()) == 1
        assert not text.startswith("Error executing tool")


def test_after_all_that_the_database_is_whole(server: Server) -> None:
    stats = server.call("learning_stats")["structuredContent"]
    assert stats["totals"]["executions"] > len(LINES)
    found = server.call("find_similar_tasks", task_description=TASK["task_description"])
    assert found["structuredContent"]["matches"]
