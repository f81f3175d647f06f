// Executions over time, success rates, costs, and the latest executions.

import { chart, colour, intervals, OUTCOMES, tip } from "./charts.js";
import { badge, card, dollars, duration, h, interval, moment, number, percent, row, shorten, table, tile }
  from "./dom.js";
import { offer } from "./filters.js";
import { ask } from "./session.js";
import * as view from "./view.js";

const PAGE = 25;

export async function overview(signal) {
  const [found, listing] = await Promise.all([
    ask("overview", view.filters(), signal),
    ask("executions", { ...view.filters(), limit: PAGE }, signal),
  ]);
  offer(found);
  if (!found.recorded) return [nothing()];
  const { totals } = found;
  return [
    h("div", { class: "tiles" },
      tile("Executions", number(totals.executions),
        `${number(totals.success)} succeeded, ${number(totals.failure)} failed, ${number(totals.pending)} pending`),
      tile("Success rate", percent(totals.success_rate), `90 % interval: ${interval(totals)}`),
      tile("Median duration", duration(totals.duration_p50), `95 % take less than ${duration(totals.duration_p95)}`),
      tile("Cost", dollars(totals.cost_usd), perExecution(totals)),
      tile("Active repos", number(found.repos.length + found.repos_omitted),
        `${number(found.task_types.length + found.task_types_omitted)} task types`)),
    h("div", { class: "grid" },
      card(`Executions per ${found.step}`, outcomes(found).element),
      card("Success rate, with its 90 % interval", rates(found).element),
      card("Cost and median duration", costs(found).element),
      groups("Success by repo", found.repos, found.repos_omitted, "repo"),
      groups("Success by task type", found.task_types, found.task_types_omitted, "task_type")),
    card("Latest executions", executions(listing)),
  ];
}

export function nothing() {
  return card("Nothing was recorded yet",
    h("p", {}, "As soon as an agent records an execution, it shows up here. To see it work, run ",
      h("code", {}, "mcp-learning demo"), " or fill a database with ",
      h("code", {}, "mcp-learning generate-data --count 1000"), "."));
}

function perExecution(totals) {
  if (totals.cost_usd === null || !totals.executions) return "";
  return `${dollars(totals.cost_usd / totals.executions)} per execution`;
}

function time(found) {
  return { type: "time", min: found.buckets[0]?.start, axisLabel: { hideOverlap: true } };
}

const day = (text) => new Date(text).toLocaleString([], { dateStyle: "medium", timeStyle: "short" });

function outcomes(found) {
  return chart(`Executions per ${found.step} by outcome`, () => ({
    grid: { left: 46, right: 12, top: 30, bottom: 24 },
    legend: { top: 0 },
    tooltip: {
      trigger: "axis",
      formatter: ([{ dataIndex }]) => tip(day(found.buckets[dataIndex].start),
        OUTCOMES.map((name) => [name, number(found.buckets[dataIndex][name])])),
    },
    xAxis: time(found),
    yAxis: { type: "value", minInterval: 1 },
    series: OUTCOMES.map((name) => ({
      name, type: "bar", stack: "all", color: colour(name), barMaxWidth: 28,
      data: found.buckets.map((one) => [one.start, one[name]]),
    })),
  }));
}

function rates(found) {
  const known = found.buckets.filter((one) => one.success_rate !== null);
  const format = (value) => `${Math.round(100 * value)} %`;
  const edge = (name, data, area) => ({
    name, type: "line", stack: "interval", symbol: "none", silent: true, lineStyle: { opacity: 0 }, data,
    areaStyle: area ? { color: colour("accent"), opacity: 0.2 } : undefined, stackStrategy: "all",
  });
  return chart(`Success rate per ${found.step}`, () => ({
    grid: { left: 46, right: 12, top: 12, bottom: 24 },
    tooltip: {
      trigger: "axis",
      formatter: ([{ dataIndex }]) => {
        const one = known[dataIndex];
        return tip(day(one.start), [["success rate", percent(one.success_rate)],
          ["90 % interval", interval(one)], ["ended", number(one.success + one.failure)]]);
      },
    },
    xAxis: time(found),
    yAxis: { type: "value", min: 0, max: 1, axisLabel: { formatter: format } },
    series: [
      edge("low", known.map((one) => [one.start, one.interval_low]), false),
      edge("high", known.map((one) => [one.start, one.interval_high - one.interval_low]), true),
      { name: "success rate", type: "line", color: colour("accent"), symbolSize: 5,
        data: known.map((one) => [one.start, one.success_rate]) },
    ],
  }));
}

function costs(found) {
  return chart(`Cost and median duration per ${found.step}`, () => ({
    grid: { left: 56, right: 56, top: 30, bottom: 24 },
    legend: { top: 0 },
    tooltip: {
      trigger: "axis",
      formatter: ([{ dataIndex }]) => {
        const one = found.buckets[dataIndex];
        return tip(day(one.start), [["cost", dollars(one.cost_usd)],
          ["median duration", duration(one.duration_p50)], ["95 % less than", duration(one.duration_p95)]]);
      },
    },
    xAxis: time(found),
    yAxis: [
      { type: "value", axisLabel: { formatter: (value) => `$${value}` } },
      { type: "value", splitLine: { show: false }, axisLabel: { formatter: duration } },
    ],
    series: [
      { name: "cost", type: "bar", color: colour("kind-1"), barMaxWidth: 28,
        data: found.buckets.map((one) => [one.start, one.cost_usd]) },
      { name: "median duration", type: "line", yAxisIndex: 1, color: colour("kind-2"), symbolSize: 5,
        data: found.buckets.map((one) => [one.start, one.duration_p50]) },
    ],
  }));
}

/** Rates of groups; a click, or a button for the keyboard, filters by one. */
function groups(title, found, omitted, name) {
  const known = found.filter((one) => one.success_rate !== null);
  if (!known.length) return card(title, h("p", { class: "quiet" }, "No outcome yet."));
  const drawn = intervals(title, known.map((one) => ({
    label: one.key, rate: one.success_rate, low: one.interval_low, high: one.interval_high,
    note: [["executions", number(one.executions)], ["cost", dollars(one.cost_usd)],
      ["median duration", duration(one.duration_p50)]],
    open: () => view.set({ [name]: one.key }),
  })));
  return card(title, drawn.element,
    h("details", {}, h("summary", {}, "As a table"),
      table(title, ["", "executions", "success rate", "90 % interval", "median duration", "cost"],
        found.map((one) => row(
          h("button", { type: "button", class: "link", onclick: () => view.set({ [name]: one.key }) }, one.key),
          number(one.executions), percent(one.success_rate), interval(one), duration(one.duration_p50),
          dollars(one.cost_usd))))),
    omitted ? h("p", { class: "quiet" }, `${number(omitted)} more with fewer executions.`) : null);
}

/** A list of executions that loads more when asked. */
export function executions(listing) {
  const count = h("p", { class: "quiet" });
  const shown = table("Executions, the latest first",
    ["when", "outcome", "task", "type", "repo", "approach", "took", "cost"], listing.executions.map(line));
  const body = shown.querySelector("tbody");
  const more = h("button", { type: "button", onclick: async () => {
    more.disabled = true;
    const next = await ask("executions", { ...view.filters(), limit: 100, offset: body.children.length });
    body.append(...next.executions.map(line));
    more.disabled = false;
    tell();
  } }, "Show more");
  function tell() {
    count.textContent = `${number(body.children.length)} of ${number(listing.total)} shown`;
    more.hidden = body.children.length >= listing.total;
  }
  tell();
  return h("div", {}, shown, h("div", { class: "actions" }, count, more));
}

function line(one) {
  return row(
    h("time", { datetime: one.recorded_at }, moment(one.recorded_at)), badge(one.outcome),
    h("button", { type: "button", class: "link", onclick: () => view.set({ task: one.task_id }) },
      shorten(one.task_description, 120)),
    one.task_type, one.repo, one.approach, duration(one.duration_seconds), dollars(one.cost_usd));
}
