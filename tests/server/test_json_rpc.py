"""Every line has an answer: a message to pass on, an error, or nothing for a notification."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mcp_types import JSONRPCRequest

from mcp_learning.server.json_rpc import Refusal, messages, parse

_text = st.text(st.characters(codec=None, exclude_categories=()), max_size=30)
_json: st.SearchStrategy[Any] = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), _text),
    lambda inner: st.one_of(st.lists(inner), st.dictionaries(_text, inner)),
    max_leaves=8,
)
_keys = st.sampled_from(
    ["jsonrpc", "id", "method", "params", "result", "error", "requestId", "name", "arguments"]
)
_words = st.sampled_from(
    ["2.0", "tools/call", "notifications/cancelled", "ping", "initialize", "find_similar_tasks"]
)
_frames = st.recursive(
    st.one_of(_words, _json), lambda inner: st.dictionaries(_keys, inner), max_leaves=12
)
FRAME = json.dumps(
    {
        "jsonrpc": "2.0",
        "id": 7,
        "method": "tools/call",
        "params": {"name": "find_similar_tasks", "arguments": {"task_description": "x"}},
    }
)


@given(_frames)
def test_no_json_value_raises(frame: object) -> None:
    parse(json.dumps(frame))


def test_each_message_of_a_batch_is_parsed_on_its_own() -> None:
    other = FRAME.replace('"id": 7', '"id": "b"')
    parsed = [parse(one) for one in messages(f" [{FRAME}, {other}, 17]\n")]
    assert [getattr(one, "id", None) for one in parsed] == [7, "b", None]
    assert isinstance(parsed[2], Refusal)
    for line in (FRAME, "[]", "[1, ", "[" * 100_000):
        assert messages(line) == [line]


@given(_text)
def test_no_text_raises(line: str) -> None:
    parse(line)


@given(st.lists(st.tuples(st.integers(0, len(FRAME)), st.integers(0, 8), _text), max_size=4))
def test_no_mutated_frame_raises(edits: list[tuple[int, int, str]]) -> None:
    line = FRAME
    for at, removed, text in edits:
        line = line[:at] + text + line[at + removed :]
    answer = parse(line)
    if isinstance(answer, Refusal):
        assert answer.error.message in (
            "the message is not valid JSON-RPC 2.0",
            "arguments: must be an object",
            "arguments: nested too deeply; flatten them",
        )


@pytest.mark.parametrize(
    ("text", "arguments"),
    [
        ('{"task_description": "x"}', {"task_description": "x"}),
        (' \n{"a": "{}"} ', {"a": "{}"}),
        ('{"a": "\\ud800"}', {"a": "\ufffd"}),
        ("", {}),
        ("null", {}),
        ("{}", {}),
    ],
)
def test_arguments_may_come_as_a_text_of_their_json(text: str, arguments: object) -> None:
    message = parse(call(text))
    assert isinstance(message, JSONRPCRequest)
    assert message.params == {"name": "find_similar_tasks", "arguments": arguments}


@pytest.mark.parametrize("text", ["x", "[1]", "3", '"{}"', "{", "[" * 100_000])
def test_another_text_is_refused_by_name_and_not_repeated(text: str) -> None:
    answer = parse(call(text))
    assert isinstance(answer, Refusal)
    assert (answer.id, answer.error.message) == (7, "arguments: must be an object")


@pytest.mark.parametrize("levels", [201, 300, 900, 990, 5_000, 100_000])
def test_arguments_that_are_nested_too_deeply_are_refused(levels: int) -> None:
    nested = '{"a": ' * levels + '"\\ud800"' + "}" * levels
    for line in (call(nested), call(0).replace(": 0", f": {nested}")):
        answer = parse(line)
        assert isinstance(answer, Refusal)
        assert answer.id == 7


def test_what_is_sent_to_another_method_stays_as_it_is() -> None:
    params = {"uri": "learning://status", "arguments": "{}"}
    message = parse(
        json.dumps({"jsonrpc": "2.0", "id": 7, "method": "resources/read", "params": params})
    )
    assert isinstance(message, JSONRPCRequest)
    assert message.params == params


def call(arguments: object) -> str:
    params = {"name": "find_similar_tasks", "arguments": arguments}
    return json.dumps({"jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": params})
