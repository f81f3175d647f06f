"""Messages as a broken or hostile client might send them: mutations of valid ones, by a seed."""

import copy
import json
import random
from collections.abc import Iterator
from typing import Any

ID = "01a205cd-bc2b-7552-b855-cb78666bdacf"
PASSWORD = "hunter2-secret"
"""Stands in messages where no answer may repeat it: in what is refused."""

_CALLS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("record_execution", {"task_type": "a", "task_description": "fix it", "outcome": "success"}),
    ("find_similar_tasks", {"task_description": "fix the login", "limit": 3}),
    ("recommend_approach", {"task_description": "fix the login", "by": "model_tier"}),
    ("submit_feedback", {"task_id": ID, "rating": 3, "comment": "good"}),
    ("get_execution", {"task_id": ID}),
    ("learning_stats", {"days": 30, "group_by": "repo"}),
    ("forget_executions", {"task_ids": [ID], "dry_run": True}),
)
_REQUESTS: tuple[tuple[str, dict[str, Any]], ...] = (
    *(("tools/call", {"name": name, "arguments": given}) for name, given in _CALLS),
    ("tools/list", {}),
    ("resources/read", {"uri": f"learning://executions/{ID}"}),
    ("resources/list", {}),
    ("prompts/get", {"name": "start_task", "arguments": {"task_description": "fix it"}}),
    (
        "completion/complete",
        {
            "ref": {"type": "ref/prompt", "name": "start_task"},
            "argument": {"name": "repo", "value": "a"},
        },
    ),
    ("ping", {}),
)
_NOTIFICATIONS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("notifications/cancelled", {"requestId": 7, "reason": "x"}),
    ("notifications/initialized", {}),
    ("notifications/progress", {"progressToken": 1, "progress": 0.5}),
)
_VALUES: tuple[Any, ...] = (
    *(None, True, -1, 0, 1.5, 10**30, float("nan"), float("inf"), "", " ", "x" * 5_000),
    *([], {}, [[]], {"a": [1, {"b": None}]}, [ID], "[]", "{}", '{"a": 1}', "007", ID),
    *("\x00", "\x1b[31m", "\x1b]0;", "\x08\x7f\x9f", "\u202e", "\ud800", "a\udfff", "é" * 100),
    *("../../etc/passwd", "%s %d {0}", "'; DROP TABLE executions; --", "<script>", "$HOME"),
)
_BYTES = (b"\x00", b"\t", b"\xff", b"\xed\xa0\x80", b'"', b"\\", b"{", b"]", b"0", b"e", b",", b":")


def frames(seed: int, count: int) -> Iterator[bytes]:
    """So many messages without a line end; about one in ten is still valid."""
    chance = random.Random(seed)
    for number in range(count):
        text = json.dumps(_message(chance, number)).encode()
        for _ in range(chance.choice((0, 0, 0, 1, 1, 3, 20))):
            text = damaged(chance, text)
        yield text.replace(b"\n", b" ").replace(b"\r", b" ")


def _message(chance: random.Random, number: int) -> Any:
    notified = chance.random() < 0.15
    method, params = chance.choice(_NOTIFICATIONS if notified else _REQUESTS)
    message: Any = {"jsonrpc": "2.0", "id": number, "method": method, "params": params}
    if notified:
        del message["id"]
    message = json.loads(json.dumps(message))
    for _ in range(chance.choice((0, 1, 1, 1, 2, 5))):
        message = _changed(chance, message)
    return message


def _changed(chance: random.Random, value: Any) -> Any:
    """The value with something in it replaced, removed, added or put into a text."""
    if isinstance(value, (dict, list)) and value and chance.random() < 0.8:
        key = chance.choice(list(value) if isinstance(value, dict) else range(len(value)))
        kind = chance.random()
        if kind < 0.1:
            del value[key]
        elif kind < 0.15 and isinstance(value, dict):
            value[chance.choice(("password", "id ", "\ud800", "\x1b", "_meta"))] = PASSWORD
        else:
            value[key] = _changed(chance, value[key])
        return value
    kind = chance.random()
    if kind < 0.1:
        return json.dumps(value)
    if kind < 0.15:
        return _nested(value, chance.choice((2, 40, 300, 2_000)))
    return copy.deepcopy(chance.choice(_VALUES))


def _nested(value: Any, levels: int) -> Any:
    """The value within so many lists, as text where JSON can't be written so deep."""
    if levels > 500:
        return "[" * levels + "]" * levels
    for _ in range(levels):
        value = [value]
    return value


def damaged(chance: random.Random, text: bytes) -> bytes:
    """The text with a few bytes replaced, removed, doubled or cut off."""
    at = chance.randrange(len(text) + 1)
    length = chance.choice((0, 1, 1, 5, 40))
    kind = chance.random()
    if kind < 0.4:
        return text[:at] + chance.choice(_BYTES) + text[at + length :]
    if kind < 0.6:
        return text[:at] + text[at + length :]
    if kind < 0.8:
        return text[:at] + text[at : at + length] * 2 + text[at + length :]
    return text[:at] if kind < 0.85 else text[:at] + bytes([chance.randrange(256)]) + text[at + 1 :]
