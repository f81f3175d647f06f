// Predicted success rates compared with outcomes, computed on request.

import { lines, tip } from "./charts.js";
import { card, count, h, number, percent, row, table } from "./dom.js";
import { getJson } from "./session.js";

let last = null; // the last result, until the page is closed
let running = null; // the running computation; redrawing the page doesn't cancel it

export function calibration() {
  const result = h("div", {});
  const button = h("button", { type: "button", id: "calibrate", onclick: () => {
    running = getJson("calibration").finally(() => { running = null; });
    follow();
  } }, "Evaluate now");
  async function follow() {
    button.disabled = true;
    result.replaceChildren(h("p", { role: "status" }, "Predicting, each outcome from earlier ones …"));
    try {
      last = await running;
      result.replaceChildren(...shown(last));
    } catch (error) {
      result.replaceChildren(h("p", { role: "alert" }, error.message));
    } finally {
      button.disabled = false;
    }
  }
  if (running) follow();
  else if (last) result.replaceChildren(...shown(last));
  return card("Calibration: were the predictions right?",
    h("p", { class: "quiet" }, "Replays the latest executions: what would have been predicted for each, from " +
      "earlier ones alone, against what happened. It takes some seconds, in this process."), button, result);
}

function shown({ looked_at, points, report }) {
  if (!points.length) {
    return [h("p", {}, "There is nothing to predict yet: executions have to end, and to name their approach.")];
  }
  const scores = [["recommend_approach", report.ours], ["rate per option", report.per_option],
    ["global rate", report.overall]].filter(([, one]) => one);
  return [
    h("p", {}, `${count(report.predictions, "outcome")} predicted, from ${count(looked_at, "execution")}.`),
    ...report.thin.map((text) => h("p", { class: "quiet" }, `Too thin: ${text}.`)),
    ...report.missed.map((text) => h("p", {}, `Missed: ${text}.`)),
    curve(points),
    table("Scores of the predictions, beside baselines",
      ["predicted by", "log loss", "Brier", "AUC", "calibration error"],
      scores.map(([name, one]) => row(name, one.log_loss.toFixed(3), one.brier.toFixed(3),
        one.auc === null ? "–" : one.auc.toFixed(3), one.ece.toFixed(3)))),
    report.following ? h("p", { class: "quiet" }, `Following the recommendation, ${percent(report.following.rate)} ` +
      `would succeed (90 % interval ${percent(report.following.low)} to ${percent(report.following.high)}), against ` +
      `${percent(report.following.logged)} of what was done; estimated off-policy from ` +
      `${count(report.following.matched, "execution")}.`) : null,
  ].filter(Boolean);
}

function curve(found) {
  const points = [...found].sort((one, other) => one.predicted - other.predicted);
  const format = (value) => `${Math.round(100 * value)} %`;
  return lines("Observed success rates by predicted ones", [
    { name: "what happened", colour: "accent", data: points.map((one) => [one.predicted, one.observed]) },
    { name: "a perfect prediction", colour: "pending", data: points.map((one) => [one.predicted, one.predicted]) },
  ], {
    axis: { type: "value", min: 0, max: 1, axisLabel: { formatter: format } },
    value: { min: 0, max: 1, interval: 0.25 }, format,
    band: points.map((one) => [one.predicted, one.interval_low, one.interval_high]),
    describe: (at) => tip(`predicted ${format(points[at].predicted)}`, [["happened", format(points[at].observed)],
      ["90 % interval", `${format(points[at].interval_low)} to ${format(points[at].interval_high)}`],
      ["predictions", number(points[at].count)]]),
  });
}
