// Executions over time, success rates, durations and costs, and the latest executions.

import { bars, lines, OUTCOMES, tip } from "./charts.js";
import { card, count, dollars, duration, h, interval, number, percent, quiet, tile } from "./dom.js";
import { offer } from "./filters.js";
import { rates } from "./rates.js";
import { runs } from "./runs.js";
import { getJson } from "./session.js";
import * as view from "./view.js";

const LATEST = 10;
const STEPS = { hour: 36e5, day: 864e5, week: 7 * 864e5, month: 30 * 864e5 }; // ms

export async function overview(signal) {
  const [found, listing] = await Promise.all([
    getJson("overview", view.filters(), signal),
    getJson("executions", { ...view.filters(), limit: LATEST }, signal),
  ]);
  offer(found);
  if (!found.recorded) return [nothingRecorded()];
  return [
    tiles(found),
    h("div", { class: "grid" },
      card(`Executions per ${found.step}`, outcomes(found)),
      card("Success rate, with its 90 % interval", success(found)),
      card(`Median duration per ${found.step}`, durations(found)),
      card(`Cost per ${found.step}`, costs(found)),
      groups("Success by repo", "repo", found.repos, found.repos_omitted, "repo"),
      groups("Success by task type", "task type", found.task_types, found.task_types_omitted, "task_type")),
    latest(listing),
  ];
}

export function nothingRecorded() {
  return card("Nothing was recorded yet",
    h("p", {}, "As soon as an agent records an execution, it shows up here. To see it work, run ",
      h("code", {}, "mcp-learning demo"), " or fill a database with ",
      h("code", {}, "mcp-learning generate-data --count 1000"), "."));
}

function tiles({ totals, repos, repos_omitted, task_types, task_types_omitted }) {
  const perExecution = totals.cost_usd === null ? "no cost was recorded"
    : `${dollars(totals.cost_usd / totals.executions)} per execution`;
  return h("div", { class: "tiles" },
    tile("Executions", number(totals.executions),
      `${number(totals.success)} succeeded, ${number(totals.failure)} failed, ${number(totals.pending)} pending`),
    tile("Success rate", percent(totals.success_rate),
      totals.success_rate === null ? "no outcome yet" : `90 % interval: ${interval(totals)}`),
    tile("Median duration", duration(totals.duration_p50),
      totals.duration_p95 === null ? "no duration was recorded" : `95 % take less than ${duration(totals.duration_p95)}`),
    tile("Cost", dollars(totals.cost_usd), perExecution),
    tile("Active repos", number(repos.length + repos_omitted),
      count(task_types.length + task_types_omitted, "task type")));
}

/** The time axis, the same for all charts, so that they can be compared one above the other. */
function axis({ buckets, step }) {
  const [first, last] = [Date.parse(buckets[0].start), Date.parse(buckets.at(-1).start)];
  return { min: first - STEPS[step] / 2, max: Math.max(last + STEPS[step] / 2, first + 4 * STEPS[step]),
    axisLabel: { hideOverlap: true } };
}

const day = (text) => new Date(text).toLocaleDateString([], { dateStyle: "medium" });

function from(found, start) {
  const text = found.step === "hour" ? new Date(start).toLocaleString([], { dateStyle: "medium", timeStyle: "short" })
    : day(start);
  return found.step === "day" ? text : `${found.step} from ${text}`;
}

function none(text) {
  return h("p", { class: "none" }, text);
}

function outcomes(found) {
  const { buckets } = found;
  if (!buckets.length) return none("No execution in this view.");
  return bars(`Executions per ${found.step} by outcome`, OUTCOMES.map((name) => ({
    name, colour: name, data: buckets.map((one) => [one.start, one[name]]),
  })), {
    axis: axis(found), legend: true, value: { minInterval: 1 }, format: number,
    describe: (at) => tip(from(found, buckets[at].start), OUTCOMES.map((name) => [name, number(buckets[at][name])])),
  });
}

function success(found) {
  const { rates: points, totals } = found;
  if (points.length < 2) {
    return none(totals.success_rate === null ? "No outcome in this view."
      : `${percent(totals.success_rate)} of ${count(totals.success + totals.failure, "outcome")}: ` +
        "too few to draw how it changed.");
  }
  const data = points.map((one) => [one.middle, one.success_rate]);
  return lines("Success rate with its 90 % interval", [{ name: "success rate", colour: "accent", data }], {
    axis: axis(found), value: { min: 0, max: 1, interval: 0.25 }, format: (value) => `${Math.round(100 * value)} %`,
    band: points.map((one) => [one.middle, one.interval_low, one.interval_high]),
    describe: (at) => {
      const one = points[at];
      return tip(`${day(one.start)} to ${day(one.end)}`, [["success rate", percent(one.success_rate)],
        ["90 % interval", interval(one)], ["outcomes", number(one.success + one.failure)]]);
    },
  });
}

const LEAST = 5; // durations for which a median is drawn

function durations(found) {
  const known = found.buckets.filter((one) => one.durations >= LEAST);
  if (known.length < 2) {
    return none(found.totals.duration_p50 === null ? "No duration was recorded in this view."
      : "Too few durations to draw how they changed.");
  }
  const data = known.map((one) => [one.start, one.duration_p50]);
  return lines("Median duration", [{ name: "median", colour: "accent", data }], {
    axis: axis(found), format: duration, value: { min: 0 },
    describe: (at) => tip(from(found, known[at].start), [["median", duration(known[at].duration_p50)],
      ["95 % less than", duration(known[at].duration_p95)], ["of", number(known[at].durations)]]),
  });
}

function costs(found) {
  if (found.totals.cost_usd === null) return none("No cost was recorded in this view.");
  const known = found.buckets.filter((one) => one.cost_usd !== null);
  return bars("Cost", [{ name: "cost", colour: "accent", data: known.map((one) => [one.start, one.cost_usd]) }], {
    axis: axis(found), format: (value) => (value % 1 ? dollars(value) : `$${number(value)}`),
    describe: (at) => tip(from(found, known[at].start), [["cost", dollars(known[at].cost_usd)]]),
  });
}

function groups(title, heading, found, omitted, name) {
  const known = found.filter((one) => one.success_rate !== null);
  if (!known.length) return card(title, none(found.length ? "No outcome yet." : `No ${heading} in this view.`));
  return card(title,
    rates(title, heading, known.map((one) => ({
      label: view.link({ [name]: one.key }, one.key), rate: one.success_rate, low: one.interval_low, high: one.interval_high,
      ended: one.success + one.failure, notes: [duration(one.duration_p50)],
    })), { notes: ["median"] }),
    omitted ? quiet(`${number(omitted)} more with fewer executions.`) : null);
}

function latest(listing) {
  const columns = ["recorded_at", "outcome", "task", "task_type", "repo", "approach"];
  return card("Latest executions", runs("The latest executions", listing.executions, columns),
    h("div", { class: "actions" }, quiet(`${number(listing.executions.length)} of ${number(listing.total)}`),
      view.link({ panel: "executions" }, "Sort, filter and export them")));
}
