"""Tables for the tests of the importers, and reading them whole."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from mcp_learning.clients.transfer import tables
from mcp_learning.clients.transfer.imported import Notes
from mcp_learning.models.transfer import PastExecution

THEN = datetime(2024, 3, 1, 10, 0, tzinfo=UTC)
TASK_ID = "01890a5d-ac96-774b-bcce-b302099a8057"
FULL = {
    "task_id": TASK_ID,
    "recorded_at": "2024-03-01T11:00:00+01:00",
    "updated_at": "2024-03-02T10:00:00Z",
    "task_type": "bug_fix",
    "task_description": "mend the spout",
    "outcome": "failure",
    "repo": "me/teapot",
    "error_type": "crash",
    "duration_seconds": 1.5,
    "cost_usd": 0.25,
    "file_count": 3,
    "quality_score": 90,
    "user_accepted": False,
    "metadata": {"shift": "night", "big": 2**70},
}


def jsonl(path: Path, *rows: object) -> Path:
    lines = (row if isinstance(row, bytes) else json.dumps(row).encode() for row in rows)
    path.write_bytes(b"\n".join(lines))
    return path


def read_jsonl(path: Path, notes: Notes) -> list[PastExecution]:
    return list(tables.read_jsonl(path, notes))


def read_csv(path: Path, text: str | bytes, notes: Notes) -> list[PastExecution]:
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return list(tables.read_csv(path, notes))


def told(records: Sequence[PastExecution]) -> list[str]:
    return [record.execution.task_description for record in records]
