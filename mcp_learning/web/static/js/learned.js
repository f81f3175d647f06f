// Findings in sentences, comparisons of approaches, failures and their fixes, and uses of recalls.

import { calibration } from "./calibration.js";
import { badge, card, count, h, interval, number, percent, quiet, row, shorten, table, tile, when } from "./dom.js";
import { task, tasks } from "./named.js";
import { nothingRecorded } from "./overview.js";
import { rates } from "./rates.js";
import { getJson } from "./session.js";
import * as view from "./view.js";

const TYPES = 6, FAILURES = 6; // shown before unfolding

export async function learned(signal) {
  const found = await getJson("learned", view.filters(), signal);
  const { approaches, failures, loop } = found;
  if (!approaches.length && !failures.length && !loop.with_use.success && !loop.without_use.success &&
    !view.filtered()) return [nothingRecorded()];
  return [findingCard(found), approachCard(approaches), failureCard(found), loopCard(loop), calibration()];
}

function findingCard({ findings }) {
  if (!findings.length) {
    return card("In short", h("p", {}, "Nothing to say yet: it takes failures, or two approaches to a task type."));
  }
  return card("In short", h("ol", { class: "findings" }, findings.map((one) => h("li", {}, one.text, " ", proof(one)))));
}

function proof({ task_id, task_type, approach }) {
  if (task_id) return task(task_id, "See it");
  return task_type ? view.link({ panel: "executions", task_type, approach }, "See them") : null;
}

function approachCard(approaches) {
  const types = new Map();
  for (const one of approaches) types.set(one.task_type, [...(types.get(one.task_type) ?? []), one]);
  const effect = (some) => Math.max(...some.map((one) => Math.abs(one.against_others.change)));
  const sure = (some) => some.some((one) => one.against_others.direction !== "unclear");
  const sorted = [...types].sort(([, one], [, other]) => effect(other) - effect(one));
  const clear = sorted.filter(([, some]) => sure(some));
  const open = sorted.filter(([, some]) => !sure(some));
  return card("Approaches, compared within their task type",
    quiet("Success rates with 90 % intervals, on one scale; n: number of outcomes. ▲ and ▼ mark approaches that " +
      "are significantly better or worse than the others of the type, corrected for all comparisons. Grey rates are " +
      "too uncertain to compare."),
    approaches.length ? null : h("p", { class: "none" }, "No task type has had two approaches with outcomes yet."),
    h("div", { class: "grid" }, clear.slice(0, TYPES).map(compared)),
    folded(`${count(clear.length - TYPES, "more task type")} with a sure difference`, clear.slice(TYPES)),
    folded(`${count(open.length, "task type")} without a sure difference`, open));
}

/** Task types in a folded section. */
function folded(title, types) {
  return types.length ? h("details", {}, h("summary", {}, title), h("div", { class: "grid" }, types.map(compared))) : null;
}

function compared([type, some]) {
  return h("div", { class: "unit" }, h("h3", {}, type),
    rates(`Approaches to ${type}`, "approach", some.map((one) => ({
      label: one.approach, rate: one.success_rate, low: one.interval_low, high: one.interval_high,
      ended: one.success + one.failure, direction: one.against_others.direction,
    }))));
}

function failureCard({ failures, other_failures, named }) {
  if (!failures.length) return card("Failures, and what ended them", h("p", { class: "none" }, "No failure in this view."));
  const rows = failures.map((one) => row(
    h("div", { class: "pattern" }, one.error_type ? h("span", { class: "quiet" }, `${one.error_type} `) : null,
      h("code", {}, shorten(one.pattern, 200))),
    number(one.failures), number(one.fixed), when(one.last_seen), tasks(one.task_ids.slice(0, 2), named),
    one.fix ? h("div", {}, task(one.fix_task_id, shorten(one.fix, 240)),
      h("span", { class: "quiet" }, ` (${one.fix_basis})`)) : "not known"));
  const patterns = (some) => table("Failure patterns, the commonest first",
    ["error", "failures", "fixed", "last", "latest tasks", "what ended it"], some);
  return card("Failures, and what ended them", patterns(rows.slice(0, FAILURES)),
    rows.length > FAILURES ? h("details", {}, h("summary", {}, `${count(rows.length - FAILURES, "more pattern")}`),
      patterns(rows.slice(FAILURES))) : null,
    other_failures ? quiet(`${count(other_failures, "failure")} of further patterns.`) : null);
}

function loopCard(loop) {
  const title = "The loop: recalled, used, and to what end";
  if (!loop.returned && !loop.links) {
    return card(title, h("p", { class: "none" }, "No answer has named an execution yet, and none was said to have " +
      "helped (used_task_ids)."));
  }
  const rows = [["used earlier executions", loop.with_use], ["did not", loop.without_use]]
    .filter(([, one]) => one.success_rate !== null);
  return card(title,
    h("div", { class: "tiles" },
      tile("Returned by answers", number(loop.returned), `${count(loop.recalled, "different execution")}, at any time`),
      tile("Used", number(loop.links), "links from an execution to one that helped it"),
      rows.length > 1 ? tile("Succeeded with use", percent(loop.with_use.success_rate), interval(loop.with_use)) : null,
      rows.length > 1 ? tile("Succeeded without", percent(loop.without_use.success_rate), interval(loop.without_use)) : null),
    rows.length > 1 ? rates("Success with and without use", "executions that", rows.map(([label, one]) => ({
      label, rate: one.success_rate, low: one.interval_low, high: one.interval_high, ended: one.success + one.failure,
    }))) : null,
    rows.length > 1 ? quiet("A comparison of what happened, not an experiment: agents chose what to use.") : null,
    loop.most_used.length ? table("Used the most", ["execution", "outcome", "uses", "then succeeded"],
      loop.most_used.map((one) => row(task(one.task_id, shorten(one.task_description, 120)),
        badge(one.outcome), number(one.uses), `${one.success} of ${one.success + one.failure}`)))
      : quiet("No execution has named one that it used yet (used_task_ids)."));
}
