// The state of the database, calls over time, pending work, backups, and the processes that share it.

import { bars, lines, tip } from "./charts.js";
import { badge, bytes, card, count, h, moment, number, percent, quiet, row, table, tile, when } from "./dom.js";
import { getJson } from "./session.js";
import * as view from "./view.js";

const STEP = 300_000, DAY = 86_400_000; // ms
const OLD = 14; // days after which a backup counts as old
const ALL = { repo: "", task_type: "", days: "", text: "", approach: "", from: "", to: "" }; // no filter

export async function health(signal) {
  const [{ health: state, telemetry, disk }, pending] = await Promise.all([
    getJson("health", {}, signal), getJson("executions", { outcome: "pending", limit: 1 }, signal)]);
  const { index } = state;
  return [
    h("div", { class: "tiles" },
      tile("Executions", number(state.rows), `${number(state.embedded)} embedded, ${number(state.pending)} waiting`),
      tile("Search", state.search_mode, state.search_mode === "exact" ? "compares all: recall 1 by definition"
        : `recall@10 ${recall(index)}`),
      tile("HNSW index", index.state, index.rows === null ? index.reason ?? "built for large databases only"
        : `${count(index.rows, "row")}, ${number(index.newer_rows)} newer, recall@10 ${recall(index)}`),
      tile("Database", bytes(state.database_bytes), `index ${index.bytes === null ? "none" : bytes(index.bytes)}, words ` +
        `${bytes(state.words_bytes)}; ${bytes(disk.free_bytes)} free on the disk`),
      tile("Embedder", state.embedder_state, state.embedder)),
    state.problem || state.reembed_due ? h("p", { class: "problem", role: "alert" },
      state.problem ?? "The embeddings are from another model: run mcp-learning rebuild-index --reembed") : null,
    h("div", { class: "grid" },
      card("Calls per five minutes", calls(telemetry)),
      card("How long calls took", latency(telemetry)),
      card("What waits", waiting(state, pending.total)),
      card("Copies", copies(disk))),
    tools(telemetry),
    card("Who shares the database",
      table("Processes", ["role", "process", "since", "version"], [
        ...(state.leader ? [member("leads", state.leader)] : []),
        ...state.followers.map((one) => member("follows", one)),
      ])),
    card("Events",
      table("Events in the leading process, the latest first", ["when", "level", "what"],
        telemetry.events.map((one) => row(when(one.at), badge(one.level), one.text)))),
    quiet(`Schema ${state.schema_version}. The same numbers, for Prometheus, are at `, h("code", {}, "/metrics"), "."),
  ];
}

const recall = (index) => (index.recall_at_10 === null ? "not measured" : `${percent(index.recall_at_10)}, measured`);

function member(role, one) {
  return row(role, String(one.pid), when(one.since), one.version);
}

function none() {
  return h("p", { class: "none" }, "No agent has called since this process began to lead.");
}

/** The time axis: from the first call, at most a day ago, to now. */
function axis(steps) {
  const now = Date.now();
  const first = Math.max(Date.parse(steps[0].start), now - DAY);
  return { min: Math.min(first, now - 12 * STEP), max: now + STEP / 2 };
}

function calls({ steps }) {
  if (!steps.length) return none();
  const series = [["answered", "accent", (one) => one.calls - one.failed], ["failed", "failure", (one) => one.failed]];
  return bars("Calls per five minutes", series.map(([name, colour, value]) => ({
    name, colour, data: steps.map((one) => [one.start, value(one)]),
  })), { axis: axis(steps), legend: true, value: { minInterval: 1 }, format: number,
    describe: (at) => tip(moment(steps[at].start), series.map(([name, , value]) => [name, number(value(steps[at]))])) });
}

function latency({ steps }) {
  if (!steps.length) return none();
  const series = [["p50", "accent", "p50_ms"], ["p95", "pending", "p95_ms"]];
  return lines("Latency of calls", series.map(([name, colour, field]) => ({
    name, colour, data: steps.map((one) => [one.start, one[field]]),
  })), { axis: axis(steps), value: { min: 0 }, format: (ms) => `${number(ms)} ms`,
    describe: (at) => tip(moment(steps[at].start), series.map(([name, , field]) => [name, `${steps[at][field]} ms`])) });
}

function tools({ latencies }) {
  return card("Calls by tool",
    quiet("In the leading process, from the call to its answer, whoever asked; transport comes on top. Milliseconds; " +
      "the last 512 calls of each tool."),
    latencies.length ? table("Latencies by tool", ["tool", "calls", "failed", "p50", "p95", "p99", "longest"],
      latencies.map((one) => row(one.tool, number(one.calls), number(one.failed),
        ...[one.p50_ms, one.p95_ms, one.p99_ms, one.longest_ms].map((value) => value.toFixed(1))))) : none());
}

function waiting(state, pending) {
  const { index } = state;
  const items = [
    state.pending ? [`${count(state.pending, "execution")} for an embedding. A server makes them in the background, or at once: `,
      h("code", {}, "mcp-learning generate-embeddings")] : null,
    state.words_pending ? [`${count(state.words_pending, "execution")} for the word index, which is updated automatically.`] : null,
    state.reembed_due ? ["All embeddings for another model: ", h("code", {}, "mcp-learning rebuild-index --reembed")] : null,
    index.newer_rows ? [`${count(index.newer_rows, "execution")} for the next build of the index; until then they are ` +
      "compared one by one: ", h("code", {}, "mcp-learning rebuild-index")] : null,
    pending ? [view.link({ ...ALL, panel: "executions", outcome: "pending" }, count(pending, "execution")),
      " for an outcome; rates leave them out."] : null,
  ].filter(Boolean);
  return items.length ? h("ul", { class: "spaced" }, items.map((content) => h("li", {}, content)))
    : h("p", { class: "none" }, "Nothing waits.");
}

function copies({ backups, archives }) {
  const age = backups.latest && Math.floor((Date.now() - Date.parse(backups.latest)) / DAY);
  const advice = !backups.latest ? "There is no backup in the data directory" : age >= OLD
    ? `The latest backup is ${count(age, "day")} old` : null;
  const line = (name, { files, bytes: size, latest }) => row(name, number(files), files ? bytes(size) : "–",
    latest ? when(latest) : "–");
  return h("div", {},
    table("Copies in the data directory", ["kind", "files", "size", "latest"],
      [line("backups", backups), line("archives", archives)], "short"),
    advice ? quiet(`${advice}: `, h("code", {}, "mcp-learning backup"), " makes one beside running agents.") : null);
}
