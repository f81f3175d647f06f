// Charts, in the colours of the page. Tooltips are elements: no chart is ever given HTML.

import { h, shorten } from "./dom.js";

const drawn = new Set();
const library = new Promise((resolve) => { // figures and lists are there before it is
  if (window.echarts) resolve();
  else document.getElementById("charting").addEventListener("load", resolve);
});
const dark = matchMedia("(prefers-color-scheme: dark)");
const still = matchMedia("(prefers-reduced-motion: reduce)");

export const OUTCOMES = ["success", "failure", "pending"];

export function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

/** The colours for kinds of things, well apart for most eyes. */
function palette() {
  return Array.from({ length: 9 }, (_, number) => colour(`kind-${number + 1}`));
}

/** A chart in a new element. `options()` is asked again when the colours change. */
export function chart(label, options, { height = 240, events = {} } = {}) {
  const element = h("div", { class: "chart", role: "img", "aria-label": label });
  element.style.height = `${height}px`;
  let instance = null;
  const self = {
    element,
    get instance() { return instance; },
    draw() {
      instance ??= start();
      instance.setOption(complete(options()), { notMerge: true });
    },
  };
  function start() {
    const made = window.echarts.init(element, null, { renderer: "canvas" });
    for (const [name, listener] of Object.entries(events)) made.on(name, listener);
    return made;
  }
  const watcher = new ResizeObserver(() => {
    if (!element.isConnected) return;
    if (instance === null) library.then(() => element.isConnected && self.draw());
    else instance.resize();
  });
  watcher.observe(element);
  self.dispose = () => {
    watcher.disconnect();
    instance?.dispose();
    drawn.delete(self);
  };
  drawn.add(self);
  return self;
}

/** Ends the charts that are not on the page any more. */
export function disposeGone() {
  for (const one of [...drawn]) if (!one.element.isConnected) one.dispose();
}

dark.addEventListener("change", () => {
  for (const one of drawn) if (one.instance !== null) one.draw();
});

function complete(options) {
  const axis = (one) => ({
    axisLine: { lineStyle: { color: colour("line") } },
    axisTick: { show: false },
    splitLine: { lineStyle: { color: colour("faint") }, show: one.type === "value" },
    nameTextStyle: { color: colour("quiet") },
    ...one,
    axisLabel: { color: colour("quiet"), hideOverlap: true, ...one.axisLabel },
  });
  const each = (axes) => (Array.isArray(axes) ? axes.map(axis) : axes && axis(axes));
  return {
    animation: !still.matches,
    animationDuration: 200,
    textStyle: { fontFamily: "inherit", color: colour("text") },
    color: palette(),
    ...options,
    legend: options.legend && { textStyle: { color: colour("text") }, ...options.legend },
    tooltip: options.tooltip && {
      confine: true,
      backgroundColor: colour("card"),
      borderColor: colour("line"),
      textStyle: { color: colour("text") },
      ...options.tooltip,
    },
    xAxis: each(options.xAxis),
    yAxis: each(options.yAxis),
  };
}

/** A tooltip of a title and lines, each a name and a value. */
export function tip(title, lines = []) {
  return h("div", { class: "tip" },
    h("b", {}, title),
    lines.map(([name, value]) => h("div", {}, h("span", {}, `${name} `), value)));
}

/**
 * Rates with their intervals, one under the other, as a chart.
 * @param rows [{label, rate, low, high, note, colour, open}], the first one on top
 */
export function intervals(label, rows, { least = 0, most = 1 } = {}) {
  const shown = [...rows].reverse();
  const left = Math.min(230, 24 + 7 * Math.max(4, ...shown.map((one) => Math.min(one.label.length, 30))));
  const bar = (_, api) => {
    const at = api.value(0);
    const [start, end] = [api.coord([api.value(1), at]), api.coord([api.value(2), at])];
    const style = { stroke: api.visual("color"), lineWidth: 3, lineCap: "round" };
    return { type: "line", shape: { x1: start[0], y1: start[1], x2: end[0], y2: end[1] }, style };
  };
  const format = (value) => `${Math.round(100 * value)} %`;
  const of = (one) => one.colour ?? colour("accent");
  return chart(label, () => ({
    aria: { enabled: true, label: { description: `${label}: ${shown.map((one) =>
      `${one.label} ${format(one.rate)}, ${format(one.low)} to ${format(one.high)}`).reverse().join("; ")}` } },
    grid: { left, right: 24, top: 6, bottom: 26 },
    tooltip: {
      formatter: ({ dataIndex }) => {
        const one = shown[dataIndex];
        return tip(one.label, [["rate", format(one.rate)],
          ["90 % interval", `${format(one.low)} to ${format(one.high)}`], ...(one.note ?? [])]);
      },
    },
    xAxis: { type: "value", min: least, max: most, axisLabel: { formatter: format } },
    yAxis: {
      type: "category",
      data: shown.map((one) => one.label),
      axisLabel: { width: left - 14, overflow: "truncate", color: colour("text"),
        formatter: (text) => shorten(text, 34) },
    },
    series: [
      { type: "custom", renderItem: bar, encode: { x: [1, 2], y: 0 },
        data: shown.map((one, at) => ({ value: [at, one.low, one.high], itemStyle: { color: of(one) } })) },
      { type: "scatter", symbolSize: 9,
        data: shown.map((one, at) => ({ value: [one.rate, at], itemStyle: { color: of(one) } })) },
    ],
  }), {
    height: 36 + 24 * Math.max(1, rows.length),
    events: { click: ({ dataIndex }) => shown[dataIndex]?.open?.() },
  });
}
