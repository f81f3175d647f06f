// The state of the database and of the processes that share it.

import { badge, bytes, card, h, moment, number, percent, row, table, tile } from "./dom.js";
import { ask } from "./session.js";

export async function health(signal) {
  const { health: state, telemetry } = await ask("health", {}, signal);
  const { index } = state;
  return [
    h("div", { class: "tiles" },
      tile("Executions", number(state.rows), `${number(state.embedded)} embedded, ${number(state.pending)} waiting`),
      tile("Search", state.search_mode, state.search_mode === "exact" ? "compares all: recall 1 by definition"
        : `recall@10 ${recall(index)}, measured`),
      tile("HNSW index", index.state, index.rows === null ? index.reason ?? "built for large databases only"
        : `${number(index.rows)} rows, ${number(index.newer_rows)} newer, recall@10 ${recall(index)}`),
      tile("Database", bytes(state.database_bytes), `index ${bytes(index.bytes)}, words ${bytes(state.words_bytes)}`),
      tile("Embedder", state.embedder_state, state.embedder)),
    state.problem || state.reembed_due ? h("p", { class: "problem", role: "alert" },
      state.problem ?? "The embeddings are of another model: run mcp-learning rebuild-index --reembed") : null,
    card("How long recent calls took",
      h("p", { class: "quiet" }, "In the leading process, from the call to its answer, whoever asked; transport " +
        "comes on top. Milliseconds; the last 512 calls of each tool."),
      telemetry.latencies.length ? table("Latencies by tool",
        ["tool", "calls", "failed", "p50", "p95", "p99", "longest"],
        telemetry.latencies.map((one) => row(one.tool, number(one.calls), number(one.failed),
          ...[one.p50_ms, one.p95_ms, one.p99_ms, one.longest_ms].map((value) => value.toFixed(1)))))
        : h("p", {}, "No agent has called since this process leads.")),
    card("Who shares the database",
      table("Processes", ["role", "process", "since", "version"], [
        ...(state.leader ? [member("leads", state.leader)] : []),
        ...state.followers.map((one) => member("follows", one)),
      ])),
    card("Events",
      table("Events in the leading process, the latest first", ["when", "", "what"],
        telemetry.events.map((one) => row(moment(one.at), badge(one.level), one.text)))),
    h("p", { class: "quiet" }, `mcp-learning ${state.version}, schema ${state.schema_version}. The same numbers, for `,
      "Prometheus, are at ", h("code", {}, "/metrics"), "."),
  ];
}

function recall(index) {
  return index.recall_at_10 === null ? "not measured" : percent(index.recall_at_10);
}

function member(role, one) {
  return row(role, String(one.pid), moment(one.since), one.version);
}
