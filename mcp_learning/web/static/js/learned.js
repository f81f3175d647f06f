// Approaches compared, failures and their fixes, and what became of recalls.

import { calibration } from "./calibration.js";
import { badge, card, h, interval, moment, number, percent, row, shorten, table, tile } from "./dom.js";
import { nothing } from "./overview.js";
import { rates } from "./rates.js";
import { evidence } from "./search.js";
import { ask } from "./session.js";
import * as view from "./view.js";

export async function learned(signal) {
  const found = await ask("learned", view.filters(), signal);
  const { approaches, failures, loop } = found;
  if (!approaches.length && !failures.length && !loop.with_use.success && !loop.without_use.success &&
    !view.filtered()) return [nothing()];
  return [approachCard(approaches), loopCard(loop), failureCard(found), calibration()];
}

function approachCard(approaches) {
  const types = Map.groupBy ? Map.groupBy(approaches, (one) => one.task_type) : grouped(approaches);
  return card("Approaches, compared within their task type",
    h("p", { class: "quiet" }, "Success rates with 90 % intervals. Green is better than the other approaches " +
      "of the type, orange is worse, so surely that chance is unlikely for all of them together."),
    approaches.length ? null : h("p", {}, "No task type has had two approaches yet."),
    [...types].map(([type, some]) => h("div", {}, h("h3", {}, type),
      rates(`Approaches to ${type}`, "approach", some.map((one) => ({
        label: one.approach, rate: one.success_rate, low: one.interval_low, high: one.interval_high,
        ended: one.success + one.failure, direction: one.against_others.direction,
      }))))));
}

function grouped(approaches) {
  const groups = new Map();
  for (const one of approaches) groups.set(one.task_type, [...(groups.get(one.task_type) ?? []), one]);
  return groups;
}

function loopCard(loop) {
  const rows = [["used earlier executions", loop.with_use], ["did not", loop.without_use]]
    .filter(([, one]) => one.success_rate !== null);
  const said = !loop.difference ? "" :
    `Those that used some succeeded ${Math.abs(Math.round(100 * loop.difference.change))} points ` +
    `${loop.difference.change < 0 ? "less" : "more"} often: ${loop.difference.direction}. ` +
    "It is a comparison of what happened, not an experiment.";
  return card("The loop: recalled, used, and to what end",
    h("div", { class: "tiles" },
      tile("Returned by answers", number(loop.returned),
        `${number(loop.recalled)} different executions, at any time`),
      tile("Used", number(loop.links), "links from an execution to one that helped it"),
      tile("Succeeded with use", percent(loop.with_use.success_rate), interval(loop.with_use)),
      tile("Succeeded without", percent(loop.without_use.success_rate), interval(loop.without_use))),
    rows.length > 1 ? rates("Success with and without use", "executions that", rows.map(([label, one]) => ({
      label, rate: one.success_rate, low: one.interval_low, high: one.interval_high,
      ended: one.success + one.failure,
    }))) : null,
    h("p", { class: "quiet" }, said),
    loop.most_used.length ? table("Used the most", ["execution", "outcome", "uses", "then succeeded"],
      loop.most_used.map((one) => row(
        h("button", { type: "button", class: "link", onclick: () => view.set({ task: one.task_id }) },
          shorten(one.task_description, 120)),
        badge(one.outcome), number(one.uses), `${one.success} of ${one.success + one.failure}`)))
      : h("p", {}, "No execution has named one that it used yet (used_task_ids)."));
}

function failureCard({ failures, other_failures }) {
  if (!failures.length) return card("Failures", h("p", {}, "None in this view."));
  return card("Failures, and what ended them",
    table("Failure patterns, the commonest first", ["error", "type", "failures", "fixed", "last", "fix"],
      failures.map((one) => row(
        h("div", {}, h("code", {}, shorten(one.pattern, 200)), " ", evidence(one.task_ids)),
        one.error_type, number(one.failures), number(one.fixed), h("time", { datetime: one.last_seen }, moment(one.last_seen)),
        one.fix ? h("div", {}, h("button", { type: "button", class: "link",
          onclick: () => view.set({ task: one.fix_task_id }) }, shorten(one.fix, 240)),
        h("span", { class: "quiet" }, ` (${one.fix_basis})`)) : "–"))),
    other_failures ? h("p", { class: "quiet" }, `${number(other_failures)} failures of further patterns.`) : null);
}
