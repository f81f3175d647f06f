// Charts in the page's colours. Tooltips are elements: charts are never given HTML.

import { h } from "./dom.js";

const drawn = new Set();
const library = new Promise((resolve) => { // the rest of the page is shown before it has loaded
  if (window.echarts) resolve();
  else document.getElementById("charting").addEventListener("load", resolve);
});
const still = matchMedia("(prefers-reduced-motion: reduce)");
const probe = document.head.appendChild(h("span", {}));

const LEGEND = { legend: { top: 0, itemWidth: 14, itemHeight: 10 }, grid: { left: 52, right: 16, top: 30, bottom: 26 } };

export const OUTCOMES = ["success", "failure", "pending"];

/** A colour of the style sheet, in the current theme. */
export function colour(name) {
  probe.style.color = `var(--${name})`; // the custom property's own value would be light-dark(…)
  return getComputedStyle(probe).color;
}

/** A chart in a new element. `options()` is called again when the colours change. */
function chart(label, options, height = 220) {
  const element = h("div", { class: "chart", role: "img", "aria-label": label });
  element.style.height = `${height}px`;
  let instance = null;
  const self = {
    element,
    draw() {
      instance ??= window.echarts.init(element, null, { renderer: "canvas" });
      instance.setOption(complete(options()), { notMerge: true });
    },
    redraw() {
      if (instance !== null) self.draw();
    },
  };
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
  return element;
}

/** Disposes of the charts that are no longer on the page. */
export function disposeGone() {
  for (const one of [...drawn]) if (!one.element.isConnected) one.dispose();
}

/** Redraws all charts in the current colours. */
export function redraw() {
  for (const one of drawn) one.redraw();
}

matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);

function complete(options) {
  const axis = (one) => ({
    axisLine: { lineStyle: { color: colour("line") } },
    axisTick: { show: false },
    splitLine: { lineStyle: { color: colour("faint") }, show: one.type === "value" },
    nameTextStyle: { color: colour("quiet") },
    ...one,
    axisLabel: { color: colour("quiet"), hideOverlap: true, ...one.axisLabel },
  });
  return {
    animation: !still.matches,
    animationDuration: 200,
    textStyle: { fontFamily: "inherit", color: colour("text") },
    grid: { left: 52, right: 16, top: 12, bottom: 26 },
    ...options,
    legend: options.legend && { textStyle: { color: colour("text") }, ...options.legend },
    tooltip: options.tooltip && {
      confine: true,
      backgroundColor: colour("card"),
      borderColor: colour("line"),
      textStyle: { color: colour("text") },
      ...options.tooltip,
    },
    xAxis: axis(options.xAxis),
    yAxis: axis(options.yAxis),
  };
}

/** A tooltip with a title and lines of a name and a value each. */
export function tip(title, lines = []) {
  return h("div", { class: "tip" },
    h("b", {}, title),
    lines.map(([name, value]) => h("div", {}, h("span", {}, `${name} `), value)));
}

/** Stacked bars over time. `series`: [{name, colour, data: [[time, value]]}]. */
export function bars(label, series, { axis, format, describe, value = {}, legend = false }) {
  return chart(label, () => ({
    ...(legend ? LEGEND : {}),
    tooltip: { trigger: "axis", formatter: ([{ dataIndex }]) => describe(dataIndex) },
    xAxis: { type: "time", ...axis },
    yAxis: { type: "value", splitNumber: 4, ...value, axisLabel: { formatter: format } },
    series: series.map((one) => ({
      name: one.name, type: "bar", stack: "all", color: colour(one.colour), barMaxWidth: 28, data: one.data,
    })),
  }));
}

/** Lines over time, or over the given `axis`; arguments as for `bars`. `band`, [[time, low, high]], is shaded. */
export function lines(label, series, { axis, format, describe, band = null, value = {} }) {
  const edge = (name, points, area) => ({
    name, type: "line", stack: "band", stackStrategy: "all", symbol: "none", silent: true,
    lineStyle: { opacity: 0 }, data: points,
    areaStyle: area ? { color: colour("accent"), opacity: 0.18 } : undefined,
  });
  const legend = series.length > 1;
  return chart(label, () => ({
    ...(legend ? { ...LEGEND, legend: { ...LEGEND.legend, data: series.map((one) => one.name) } } : {}),
    tooltip: { trigger: "axis", formatter: ([{ dataIndex }]) => describe(dataIndex) },
    xAxis: { type: "time", ...axis },
    yAxis: { type: "value", splitNumber: 4, ...value, axisLabel: { formatter: format } },
    series: [
      ...(band ? [edge("low", band.map(([at, low]) => [at, low]), false),
        edge("high", band.map(([at, low, high]) => [at, high - low]), true)] : []),
      ...series.map((one) => ({
        name: one.name, type: "line", color: colour(one.colour), data: one.data, symbol: "circle", symbolSize: 5,
        showSymbol: one.data.length < 12, lineStyle: { width: 2 },
      })),
    ],
  }));
}
