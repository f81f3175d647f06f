"""The metrics, and the Grafana dashboard that is made of them."""

import json
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

pytest.importorskip("prometheus_client")

from prometheus_client.parser import text_string_to_metric_families

from mcp_learning.models.dashboard import Overview
from mcp_learning.models.health import Health, IndexHealth, Member
from mcp_learning.models.results import Totals
from mcp_learning.models.telemetry import Latency, Telemetry
from mcp_learning.web.metrics import page

NOW = datetime(2026, 5, 4, tzinfo=UTC)
GRAFANA = Path(__file__).parents[2] / "config" / "grafana-dashboard.json"

HEALTH = Health(
    embedder='a "model"\n',
    embedder_state="ready",
    search_mode="hnsw",
    index=IndexHealth(state="ready", rows=7, newer_rows=1, bytes=4096, recall_at_10=0.99),
    rows=8,
    embedded=8,
    pending=0,
    schema_version=2,
    database_bytes=12_288,
    owner_pid=1,
    version="1.2.3",
    leader=Member(pid=1, since=NOW, version="1.2.3"),
)
TELEMETRY = Telemetry(
    latencies=[
        Latency(
            method="find",
            tool="find_similar_tasks",
            calls=9,
            failed=1,
            recent=9,
            p50_ms=4.0,
            p95_ms=8.0,
            p99_ms=9.0,
            longest_ms=9.5,
        )
    ],
    events=[],
)
OVERVIEW = Overview(
    since=NOW,
    until=NOW,
    step="day",
    recorded=8,
    totals=Totals(
        executions=8,
        success=4,
        failure=4,
        pending=0,
        success_rate=0.5,
        interval_low=0.25,
        interval_high=0.75,
        cost_usd=1.5,
    ),
    buckets=[],
    rates=[],
    repos=[],
    repos_omitted=0,
    task_types=[],
    task_types_omitted=0,
    repo_choices=[],
    task_type_choices=[],
)


def samples() -> dict[str, list[tuple[dict[str, str], float]]]:
    found: dict[str, list[tuple[dict[str, str], float]]] = {}
    text = page(HEALTH, TELEMETRY, OVERVIEW).decode()
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            found.setdefault(sample.name, []).append((sample.labels, sample.value))
    return found


def test_every_metric_of_the_grafana_dashboard_exists() -> None:
    panels = json.loads(GRAFANA.read_text(encoding="utf-8"))["panels"]
    expressions = [target["expr"] for panel in panels for target in panel["targets"]]
    named = {name for text in expressions for name in re.findall(r"mcp_learning_\w+", text)}
    assert len(named) >= 10
    assert named <= samples().keys()


def test_latencies_are_seconds_and_strange_names_survive() -> None:
    found = samples()
    quantiles = {labels["quantile"]: value for labels, value in found["mcp_learning_call_seconds"]}
    assert quantiles == {"0.5": 0.004, "0.95": 0.008, "0.99": 0.009}
    ((labels, _),) = found["mcp_learning_info"]
    assert labels["embedder"] == HEALTH.embedder
    assert labels["index_state"] == "ready"


def test_what_is_not_known_is_left_out() -> None:
    blank = HEALTH.model_copy(update={"index": IndexHealth(state="none"), "leader": None})
    text = page(blank, Telemetry(latencies=[], events=[]), OVERVIEW).decode()
    assert "mcp_learning_index_rows" not in text
    assert "mcp_learning_executions 8.0" in text
