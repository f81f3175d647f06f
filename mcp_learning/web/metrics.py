"""The figures of the health panel in Prometheus text format."""

from collections.abc import Iterable, Iterator, Mapping

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.registry import Collector

from mcp_learning.models.dashboard import Overview
from mcp_learning.models.health import Health
from mcp_learning.models.results import Totals
from mcp_learning.models.telemetry import Telemetry

MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_QUANTILES = {"0.5": "p50_ms", "0.95": "p95_ms", "0.99": "p99_ms"}


def page(health: Health, telemetry: Telemetry, overview: Overview) -> bytes:
    """All metrics as text, in a fixed order: of the leader, and of all executions."""
    registry = CollectorRegistry()
    parts = (_database(health), _outcomes(overview.totals), _processes(health), _calls(telemetry))
    registry.register(_Collected([metric for part in parts for metric in part]))
    return generate_latest(registry)


class _Collected(Collector):
    def __init__(self, metrics: Iterable[Metric]) -> None:
        self._metrics = metrics

    def collect(self) -> Iterable[Metric]:
        """The given metrics."""
        return self._metrics


def _gauge(name: str, what: str, label: str, values: Mapping[str, float]) -> Metric:
    family = GaugeMetricFamily(f"mcp_learning_{name}", what, labels=[label])
    for key, value in values.items():
        family.add_metric([key], value)
    return family


def _database(health: Health) -> Iterator[Metric]:
    index = health.index
    for name, what, value in (
        ("executions", "Executions recorded", health.rows),
        ("embedded_executions", "Executions that have an embedding", health.embedded),
        ("pending_embeddings", "Executions that wait for their embedding", health.pending),
        ("pending_words", "Executions not yet in the word index", health.words_pending),
        ("database_bytes", "Size of the database on disk", health.database_bytes),
        ("word_index_bytes", "Size of the word index on disk", health.words_bytes),
        ("index_rows", "Executions in the HNSW index", index.rows),
        ("index_newer_rows", "Executions that the HNSW index lacks", index.newer_rows),
        ("index_bytes", "Size of the HNSW index on disk", index.bytes),
        ("index_recall_at_10", "Recall@10 of the HNSW index, 0..1", index.recall_at_10),
    ):
        if value is not None:
            yield GaugeMetricFamily(f"mcp_learning_{name}", what, value=value)
    state = InfoMetricFamily("mcp_learning", "Version, embedding model, index state")
    served = health.model_dump(include={"version", "embedder", "embedder_state", "search_mode"})
    made = {"index_state": index.state, "schema_version": str(health.schema_version)}
    state.add_metric([], served | made)
    yield state


def _outcomes(totals: Totals) -> Iterator[Metric]:
    ended = {name: getattr(totals, name) for name in ("success", "failure", "pending")}
    yield _gauge("outcomes", "Executions by how they ended", "outcome", ended)
    if totals.success_rate is not None:
        low, high = totals.interval_low or 0.0, totals.interval_high or 0.0
        rates = {"estimate": totals.success_rate, "low": low, "high": high}
        what = "Success rate of ended executions, 0..1, with its 90 % interval"
        yield _gauge("success_rate", what, "bound", rates)
    if totals.cost_usd is not None:
        what = "Recorded costs, in US dollars"
        yield GaugeMetricFamily("mcp_learning_cost_usd", what, value=totals.cost_usd)


def _processes(health: Health) -> Iterator[Metric]:
    what = "Processes that work through the leader"
    yield GaugeMetricFamily("mcp_learning_followers", what, value=len(health.followers))
    if health.leader is not None:
        since = health.leader.since.timestamp()
        what = "When the leader began to lead, in Unix time"
        yield GaugeMetricFamily("mcp_learning_leader_since_seconds", what, value=since)


def _calls(telemetry: Telemetry) -> Iterator[Metric]:
    what = "Calls that the leader answered"
    calls = CounterMetricFamily("mcp_learning_calls", what, labels=["tool"])
    what = "Calls that ended in an error"
    failed = CounterMetricFamily("mcp_learning_failed_calls", what, labels=["tool"])
    what = "Quantiles of the durations of recent calls in the leader"
    labels = ["tool", "quantile"]
    latency = GaugeMetricFamily("mcp_learning_call_seconds", what, labels=labels)
    for one in telemetry.latencies:
        calls.add_metric([one.tool], one.calls)
        failed.add_metric([one.tool], one.failed)
        for quantile, name in _QUANTILES.items():
            latency.add_metric([one.tool, quantile], getattr(one, name) / 1000)
    yield from (calls, failed, latency)
