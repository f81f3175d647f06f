"""Whatever is in a file, a reader counts it or reads it, and what it gives is valid."""

import csv
import json
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mcp_learning.clients.capture.tasks import executions
from mcp_learning.clients.transcripts import claude_code, codex
from mcp_learning.clients.transfer import tables
from mcp_learning.clients.transfer.imported import Notes
from mcp_learning.models.transfer import PastExecution

read_claude_code = partial(executions, claude_code.read)
read_codex = partial(executions, codex.read)

Reader = Callable[[Path, Notes], Iterator[PastExecution]]

_CHEAP = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
_NAMES = (
    *("type", "message", "payload", "content", "role", "text", "name", "input", "id", "output"),
    *("info", "cwd", "timestamp", "uuid", "sessionId", "model", "usage", "user", "assistant"),
    *("user_message", "event_msg", "response_item", "session_meta", "task_id", "task_description"),
    *("task_type", "outcome", "success", "recorded_at", "updated_at", "repo", "metadata"),
    *("feedback", "uses", "used_task_ids", "details", "duration_seconds", "quality_score"),
    *("rating", "comment"),
)
_WORDS = [
    *_NAMES,
    *("2025-01-01T00:00:00Z", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "\0", ""),
    *("Fix the drip of the spout after pouring", "\ud800", "\x1b[31m", "NaN", "1e999", "[[[", "{}"),
]
_value = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from(_WORDS) | st.text(),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(_NAMES), inner, max_size=6)
    ),
    max_leaves=12,
)
_line = st.dictionaries(st.sampled_from(_NAMES), _value, max_size=8)
_session = st.fixed_dictionaries(
    {
        "type": st.sampled_from(["user", "assistant", "event_msg", "response_item"]),
        "timestamp": st.sampled_from(_WORDS),
    },
    optional={"message": _value, "payload": _line, "cwd": _value, "uuid": _value},
)
_row = st.fixed_dictionaries(
    {"task_description": st.just("Fix the drip") | _value},
    optional={
        name: _value for name in _NAMES if name not in ("type", "payload", "task_description")
    },
)


def checked(reader: Reader, path: Path) -> int:
    """Reads everything, and has each record validated again as another process does."""
    notes = Notes()
    records = list(reader(path, notes))
    for record in records:
        dumped = record.model_dump(mode="json", exclude_unset=True)
        assert PastExecution.model_validate(json.loads(json.dumps(dumped))) == record
    assert all(one.where and one.reason for one in notes.examples)
    return len(records)


@pytest.mark.parametrize("reader", [read_claude_code, read_codex, tables.read_jsonl])
@_CHEAP
@given(lines=st.lists(_line | _session | _row | _value, max_size=8))
def test_any_json_is_read_or_counted(reader: Reader, lines: list[Any], tmp_path: Path) -> None:
    path = tmp_path / "any.jsonl"
    path.write_text("\n".join(map(json.dumps, lines)))
    checked(reader, path)


@pytest.mark.parametrize(
    "reader",
    [read_claude_code, read_codex, tables.read_jsonl, tables.read_csv, tables.read_parquet],
)
@_CHEAP
@given(
    content=st.binary(max_size=300), start=st.sampled_from([b"", b"task_description\n", b"PAR1"])
)
def test_any_bytes_are_read_or_counted(
    reader: Reader, content: bytes, start: bytes, tmp_path: Path
) -> None:
    path = tmp_path / "any"
    path.write_bytes(start + content)
    checked(reader, path)


@_CHEAP
@given(rows=st.lists(st.dictionaries(st.sampled_from(_NAMES), st.text() | st.sampled_from(_WORDS))))
def test_any_cells_are_read_or_counted(rows: list[dict[str, str]], tmp_path: Path) -> None:
    path = tmp_path / "any.csv"
    with path.open("w", encoding="utf-8", errors="replace", newline="") as file:
        writer = csv.DictWriter(file, _NAMES)
        writer.writeheader()
        writer.writerows(rows)
    checked(tables.read_csv, path)
