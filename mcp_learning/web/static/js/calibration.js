// Predicted success rates against what then happened, computed when somebody asks for it.

import { chart, colour, tip } from "./charts.js";
import { card, h, number, percent, row, table } from "./dom.js";
import { ask } from "./session.js";

let last = null; // what was computed, for as long as the page is open

export function calibration() {
  const result = h("div", {});
  const button = h("button", { type: "button", id: "calibrate", onclick: async () => {
    button.disabled = true;
    result.replaceChildren(h("p", { role: "status" }, "Predicting, each outcome from earlier ones …"));
    try {
      last = await ask("calibration");
      result.replaceChildren(...shown(last));
    } catch (error) {
      result.replaceChildren(h("p", { role: "alert" }, error.message));
    } finally {
      button.disabled = false;
    }
  } }, "Evaluate now");
  if (last) result.replaceChildren(...shown(last));
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
    h("p", {}, `${number(report.predictions)} outcomes predicted, from ${number(looked_at)} executions.`),
    ...report.thin.map((text) => h("p", { class: "quiet" }, `Too thin: ${text}.`)),
    curve(points),
    table("Scores of the predictions, beside baselines",
      ["predicted by", "log loss", "Brier", "AUC", "calibration error"],
      scores.map(([name, one]) => row(name, one.log_loss.toFixed(3), one.brier.toFixed(3),
        one.auc === null ? "–" : one.auc.toFixed(3), one.ece.toFixed(3)))),
    report.following ? h("p", { class: "quiet" }, `Following the recommendation, ${percent(report.following.rate)} ` +
      `would succeed (90 % interval ${percent(report.following.low)} to ${percent(report.following.high)}), against ` +
      `${percent(report.following.logged)} of what was done; estimated off-policy from ` +
      `${number(report.following.matched)} executions.`) : null,
  ].filter(Boolean);
}

function curve(points) {
  const format = (value) => `${Math.round(100 * value)} %`;
  const bar = (_, api) => {
    const [x1, y1] = api.coord([api.value(0), api.value(1)]);
    const [x2, y2] = api.coord([api.value(0), api.value(2)]);
    return { type: "line", shape: { x1, y1, x2, y2 }, style: { stroke: api.visual("color"), lineWidth: 2 } };
  };
  return chart("Observed success rates by predicted ones", () => ({
    grid: { left: 56, right: 24, top: 12, bottom: 44 },
    tooltip: { formatter: ({ dataIndex, seriesType }) => {
      if (seriesType === "line") return tip("perfect");
      const one = points[dataIndex];
      return tip(`predicted ${format(one.predicted)}`, [["happened", format(one.observed)],
        ["90 % interval", `${format(one.interval_low)} to ${format(one.interval_high)}`],
        ["predictions", number(one.count)]]);
    } },
    xAxis: { type: "value", min: 0, max: 1, name: "predicted", nameLocation: "middle", nameGap: 26,
      axisLabel: { formatter: format } },
    yAxis: { type: "value", min: 0, max: 1, axisLabel: { formatter: format } },
    series: [
      { type: "line", data: [[0, 0], [1, 1]], symbol: "none", silent: true, color: colour("line"), lineStyle: { type: "dashed" } },
      { type: "custom", renderItem: bar, encode: { x: 0, y: [1, 2] }, color: colour("accent"),
        data: points.map((one) => [one.predicted, one.interval_low, one.interval_high]) },
      { type: "scatter", color: colour("accent"), symbolSize: 9,
        data: points.map((one) => [one.predicted, one.observed]) },
    ],
  }), { height: 320 });
}
