// The map of tasks: alike ones are near each other, as far as two dimensions can show it.

import { chart, colour, OUTCOMES, palette, tip } from "./charts.js";
import { badge, card, h, number, percent, shorten } from "./dom.js";
import { executions, nothing } from "./overview.js";
import { ask } from "./session.js";
import * as view from "./view.js";

const KINDS = 8; // task types with a colour of their own
const known = new Map(); // hovered executions, by id

export async function map(signal) {
  const { repo, task_type, days } = view.filters();
  const [found, listing] = await Promise.all([
    ask("map", { repo, task_type, days }, signal),
    ask("executions", { ...view.filters(), limit: 25 }, signal),
  ]);
  if (!found.task_ids.length && !found.unplaced && !view.filtered()) return [nothing()];
  const by = view.get("colour") || "outcome";
  const drawn = draw(found, by);
  const select = h("select", { id: "colour", onchange: () => view.set({ colour: select.value }) },
    h("option", { value: "outcome", selected: by === "outcome" }, "outcome"),
    h("option", { value: "task_type", selected: by === "task_type" }, "task type"));
  return [
    card("Map of tasks",
      h("p", { class: "quiet" }, described(found)),
      h("div", { class: "actions" },
        h("label", {}, "Coloured by ", select),
        h("span", { class: "quiet" },
          "Drag to select an area; click a point, or walk with the arrow keys and press Enter, to open it.")),
      drawn.element),
    card(view.get("area") ? "Executions in the selected area" : "Latest executions", executions(listing)),
  ];
}

function described(found) {
  const shown = found.task_ids.length;
  const parts = [shown < found.embedded
    ? `${number(shown)} of ${number(found.embedded)} executions, evenly sampled.`
    : `${number(shown)} executions.`];
  parts.push("Texts that are alike lie near each other; the two directions of the greatest difference " +
    `show ${percent(found.explained)} of all differences.`);
  if (found.unplaced) parts.push(`${number(found.unplaced)} still wait for their embedding.`);
  return parts.join(" ");
}

/** Series of points: [x, y, position], one series per colour. */
function series(found, by) {
  let names, of;
  if (by === "outcome") {
    names = OUTCOMES.map((name) => [name, colour(name)]);
    of = (at) => found.outcomes[at];
  } else {
    const counts = found.task_types.map(() => 0);
    for (const kind of found.kinds) counts[kind] += 1;
    const order = counts.map((_, kind) => kind).sort((a, b) => counts[b] - counts[a]).slice(0, KINDS);
    const colours = palette();
    names = order.map((kind, at) => [found.task_types[kind], colours[at]]);
    names.push(["other", colour("pending")]);
    of = (at) => { const place = order.indexOf(found.kinds[at]); return place < 0 ? names.length - 1 : place; };
  }
  const data = names.map(() => []);
  found.task_ids.forEach((_, at) => data[of(at)].push([found.x[at], found.y[at], at]));
  return names.map(([name, itemColour], place) => ({
    name, type: "scatter", color: itemColour, symbolSize: 5, large: true, largeThreshold: 2000,
    itemStyle: { opacity: 0.7 }, data: data[place],
  })).filter((one) => one.data.length);
}

function draw(found, by) {
  const area = view.get("area").split(",").map(Number);
  const selected = area.length === 4 && area.every(Number.isFinite);
  const drawn = chart("Map of tasks", () => ({
    animation: false,
    grid: { left: 8, right: 8, top: 34, bottom: 8 },
    legend: { top: 0, type: "scroll" },
    tooltip: { formatter: ({ data }, ticket, show) => hover(found.task_ids[data[2]], (element) => show(ticket, element)) },
    xAxis: { type: "value", show: false, ...range(found.x) },
    yAxis: { type: "value", show: false, ...range(found.y) },
    brush: {
      xAxisIndex: 0, brushType: "rect", brushMode: "single", transformable: false, removeOnClick: true,
      brushStyle: { borderColor: colour("accent"), borderWidth: 1, color: "rgba(128,160,200,0.15)" },
      outOfBrush: { colorAlpha: 0.7 },
    },
    toolbox: { show: false },
    series: [...series(found, by), { id: "pointed", type: "scatter", symbolSize: 14, z: 5, data: [],
      itemStyle: { color: "transparent", borderColor: colour("text"), borderWidth: 2 } }],
  }), {
    height: Math.max(360, Math.min(640, innerHeight - 260)),
    events: {
      click: ({ data }) => data && view.set({ task: found.task_ids[data[2]] }),
      brushEnd: ({ areas }) => {
        const range = areas[0]?.coordRange;
        if (!range) return view.set({ area: "" });
        const [[left, right], [bottom, top]] = range.map((pair) => [...pair].sort((a, b) => a - b));
        const edges = [left, bottom, right, top].map((value) => Math.max(-2, Math.min(2, value)).toFixed(3));
        return view.set({ area: edges.join(",") });
      },
    },
  });
  const plain = drawn.draw;
  drawn.draw = () => {
    plain();
    const cursor = { type: "takeGlobalCursor", key: "brush", brushOption: { brushType: "rect", brushMode: "single" } };
    drawn.instance.dispatchAction(cursor);
    if (selected) {
      drawn.instance.dispatchAction({ type: "brush", areas: [{
        brushType: "rect", xAxisIndex: 0, yAxisIndex: 0, coordRange: [[area[0], area[2]], [area[1], area[3]]],
      }] });
    }
  };
  walk(drawn, found);
  return drawn;
}

function range(values) {
  if (!values.length) return { min: -1, max: 1 };
  const [min, max] = values.reduce(([a, b], one) => [Math.min(a, one), Math.max(b, one)], [Infinity, -Infinity]);
  const edge = 0.03 * (max - min) || 0.1;
  return { min: min - edge, max: max + edge };
}

function hover(id, show) {
  const card = (one) => h("div", { class: "tip wide" },
    h("p", {}, badge(one.outcome), ` ${one.task_type}`), h("p", {}, shorten(one.task_description, 240)),
    one.repo ? h("p", { class: "quiet" }, one.repo) : null);
  if (!known.has(id)) {
    known.set(id, ask(`executions/${id}`).then((one) => one.execution));
    if (known.size > 500) known.delete(known.keys().next().value);
  }
  known.get(id).then((one) => show(card(one)), (error) => {
    known.delete(id);
    show(tip("It can't be shown", [["", error.message]]));
  });
  return tip("…");
}

/** The arrow keys go from point to point: left and right along x, up and down along y. */
function walk(drawn, found) {
  let at = -1;
  drawn.element.tabIndex = 0;
  drawn.element.setAttribute("role", "application");
  drawn.element.addEventListener("keydown", (event) => {
    const along = { ArrowLeft: ["x", -1], ArrowRight: ["x", 1], ArrowUp: ["y", 1], ArrowDown: ["y", -1] }[event.key];
    if (event.key === "Enter" && at >= 0) view.set({ task: found.task_ids[at] });
    if (event.key === "Escape") view.set({ area: "" });
    if (!along || !found.task_ids.length) return;
    event.preventDefault();
    at = at < 0 ? 0 : next(found, at, ...along);
    point(drawn, found, at);
  });
}

function next(found, at, axis, direction) {
  const across = axis === "x" ? "y" : "x";
  let best = at, least = Infinity;
  found.task_ids.forEach((_, other) => {
    const ahead = direction * (found[axis][other] - found[axis][at]);
    const aside = Math.abs(found[across][other] - found[across][at]);
    if (ahead > 0 && ahead + 3 * aside < least) [best, least] = [other, ahead + 3 * aside];
  });
  return best;
}

function point(drawn, found, at) {
  drawn.instance.setOption({ series: [{ id: "pointed", data: [[found.x[at], found.y[at], at]] }] });
  // The others are drawn as a whole, and have no single points that a tooltip could be shown at.
  const seriesIndex = drawn.instance.getOption().series.findIndex((one) => one.id === "pointed");
  drawn.instance.dispatchAction({ type: "showTip", seriesIndex, dataIndex: 0 });
}
