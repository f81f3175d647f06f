// Rates with their intervals as a table. All bars have the same scale, for comparisons down the page;
// the table can be read without colours and used with the keyboard.

import { h, number, percent } from "./dom.js";

const WIDE = 0.4; // width of an interval above which a rate is vague: fewer than about 14 outcomes
const SIGNS = { better: "▲ better", worse: "▼ worse" };

/**
 * A table of rates, the highest first; vague ones are last and grey.
 * @param rows [{label, rate, low, high, ended, direction, notes}]; the label may be an element, and
 *   `notes` are further cells
 * @param heading of the labels
 * @param notes headings of the further cells
 * @param ranked whether to keep the order of the rows, and make none grey
 */
export function rates(caption, heading, rows, { notes = [], ranked = false } = {}) {
  const vague = (one) => (!ranked && one.high - one.low > WIDE ? 1 : 0);
  const sorted = ranked ? rows : [...rows].sort((one, other) =>
    (vague(one) - vague(other)) || other.rate - one.rate || other.ended - one.ended);
  const headings = [[heading], ["0 – 100 %", "scale"], ["rate", "figure"], ["90 % interval", "figure wide"],
    ["n", "figure"], ...notes.map((text) => [text, "figure wide"])];
  return h("table", { class: "rates" },
    h("caption", {}, `${caption}; n: number of outcomes`),
    h("thead", {}, h("tr", {}, headings.map(([text, name]) => h("th", { scope: "col", class: name }, text)))),
    h("tbody", {}, sorted.map((one) => line(one, vague(one)))));
}

function line(one, vague) {
  const sign = SIGNS[one.direction];
  return h("tr", { class: vague ? "vague" : one.direction },
    h("th", { scope: "row" }, one.label, sign ? h("span", { class: `sign ${one.direction}` }, ` ${sign}`) : null),
    h("td", { class: "scale" }, range(one)),
    h("td", { class: "figure" }, percent(one.rate)),
    h("td", { class: "figure wide" }, `${percent(one.low)} – ${percent(one.high)}`),
    h("td", { class: "figure count" }, number(one.ended)),
    (one.notes ?? []).map((text) => h("td", { class: "figure wide" }, text)));
}

function range({ rate, low, high }) {
  const span = h("span", { class: "span" });
  span.style.left = `${100 * low}%`;
  span.style.width = `${100 * (high - low)}%`;
  const dot = h("span", { class: "dot" });
  dot.style.left = `${100 * rate}%`;
  return h("span", { class: "range", "aria-hidden": "true" }, span, dot);
}
