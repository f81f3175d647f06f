"""The numbers of the health panel in Prometheus text format."""

from collections.abc import Iterator

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.registry import Collector

from mcp_learning.models.dashboard import Overview, Telemetry
from mcp_learning.models.health import Health

MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_QUANTILES = {"0.5": "p50_ms", "0.95": "p95_ms", "0.99": "p99_ms"}


class _Page(Collector):
    def __init__(self, health: Health, telemetry: Telemetry, overview: Overview) -> None:
        self._health = health
        self._telemetry = telemetry
        self._overview = overview

    def collect(self) -> Iterator[Metric]:
        """All metrics, in a fixed order."""
        yield from self._database()
        yield from self._outcomes()
        yield from self._processes()
        yield from self._calls()

    def _database(self) -> Iterator[Metric]:
        health = self._health
        index = health.index
        for name, what, value in (
            ("executions", "Executions recorded", health.rows),
            ("embedded_executions", "Executions that have an embedding", health.embedded),
            ("pending_embeddings", "Executions that wait for their embedding", health.pending),
            ("pending_words", "Executions whose words are still to be read", health.words_pending),
            ("database_bytes", "Size of the database on disk", health.database_bytes),
            ("word_index_bytes", "Size of the word index on disk", health.words_bytes),
            ("index_rows", "Executions in the HNSW index", index.rows),
            ("index_newer_rows", "Executions that the HNSW index lacks", index.newer_rows),
            ("index_bytes", "Size of the HNSW index on disk", index.bytes),
            ("index_recall_at_10", "Measured against exact search, 0..1", index.recall_at_10),
        ):
            if value is not None:
                yield GaugeMetricFamily(f"mcp_learning_{name}", what, value=value)
        state = InfoMetricFamily("mcp_learning", "What serves searches")
        state.add_metric(
            [],
            {
                "version": health.version,
                "embedder": health.embedder,
                "embedder_state": health.embedder_state,
                "search_mode": health.search_mode,
                "index_state": index.state,
                "schema_version": str(health.schema_version),
            },
        )
        yield state

    def _outcomes(self) -> Iterator[Metric]:
        totals = self._overview.totals
        family = GaugeMetricFamily(
            "mcp_learning_outcomes", "Executions by how they ended", labels=["outcome"]
        )
        family.add_metric(["success"], totals.success)
        family.add_metric(["failure"], totals.failure)
        family.add_metric(["pending"], totals.pending)
        yield family
        if totals.success_rate is not None:
            rate = GaugeMetricFamily(
                "mcp_learning_success_rate",
                "Among ended executions, 0..1, with its 90 % interval",
                labels=["bound"],
            )
            rate.add_metric(["estimate"], totals.success_rate)
            rate.add_metric(["low"], totals.interval_low or 0.0)
            rate.add_metric(["high"], totals.interval_high or 0.0)
            yield rate
        if totals.cost_usd is not None:
            yield GaugeMetricFamily(
                "mcp_learning_cost_usd", "Recorded costs, in US dollars", value=totals.cost_usd
            )

    def _processes(self) -> Iterator[Metric]:
        leader = self._health.leader
        yield GaugeMetricFamily(
            "mcp_learning_followers",
            "Processes that work through the leader",
            value=len(self._health.followers),
        )
        if leader is not None:
            yield GaugeMetricFamily(
                "mcp_learning_leader_since_seconds",
                "When the leader began to lead, in Unix time",
                value=leader.since.timestamp(),
            )

    def _calls(self) -> Iterator[Metric]:
        calls = CounterMetricFamily(
            "mcp_learning_calls", "Calls that the leader answered", labels=["tool"]
        )
        failed = CounterMetricFamily(
            "mcp_learning_failed_calls", "Of these, calls that ended in an error", labels=["tool"]
        )
        latency = GaugeMetricFamily(
            "mcp_learning_call_seconds",
            "Quantiles of recent calls, as long as they took in the leader",
            labels=["tool", "quantile"],
        )
        for one in self._telemetry.latencies:
            calls.add_metric([one.tool], one.calls)
            failed.add_metric([one.tool], one.failed)
            for quantile, name in _QUANTILES.items():
                latency.add_metric([one.tool, quantile], getattr(one, name) / 1000)
        yield from (calls, failed, latency)


def page(health: Health, telemetry: Telemetry, overview: Overview) -> bytes:
    """All metrics as text: of the leader, and of all executions."""
    registry = CollectorRegistry()
    registry.register(_Page(health, telemetry, overview))
    return generate_latest(registry)
