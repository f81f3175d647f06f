// Elements and formatted texts. Stored text only becomes text nodes: nothing here parses HTML.

/** Creates an element; properties are attributes, `on…` listeners, or `class`. */
export function h(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "class") element.className = value;
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined));
  return element;
}

/** A table whose rows become cards on narrow screens, each value after its heading, unless its kind is "short". */
export function table(caption, headings, rows, kind = "") {
  return h("div", { class: "scroll" },
    h("table", { class: kind === "short" ? "" : `cards ${kind}` },
      h("caption", {}, caption),
      h("thead", {}, h("tr", {}, headings.map((text) => h("th", { scope: "col" }, text)))),
      h("tbody", {}, rows.map((one) => labelled(one, headings)))));
}

/** Sets each cell's heading, which is shown on narrow screens. */
export function labelled(row, headings) {
  [...row.children].forEach((cell, at) => { cell.dataset.label = headings[at]; });
  return row;
}

export function row(...cells) {
  return h("tr", {}, cells.map((cell) => h("td", {}, cell ?? "")));
}

export function tile(name, value, note = "") {
  return h("div", { class: "tile" },
    h("span", { class: "name" }, name), h("strong", {}, value), h("span", { class: "note" }, note));
}

export function card(title, ...content) {
  return h("section", { class: "card" }, h("h2", {}, title), content);
}

export function quiet(...content) {
  return h("p", { class: "quiet" }, ...content);
}

const whole = new Intl.NumberFormat("en");
const money = new Intl.NumberFormat("en", { style: "currency", currency: "USD" });

export const number = (value) => (value === null || value === undefined ? "–" : whole.format(value));
export const dollars = (value) => (value === null || value === undefined ? "–" : money.format(value));
export const percent = (value) =>
  value === null || value === undefined ? "–" : `${(100 * value).toFixed(value > 0.995 && value < 1 ? 1 : 0)} %`;

/** A number with its noun: "1 run", "3 runs". */
export function count(value, noun, plural = `${noun}s`) {
  return `${number(value)} ${value === 1 ? noun : plural}`;
}

export function interval(one) {
  if (one.success_rate === null || one.success_rate === undefined) return "no outcome yet";
  return `${percent(one.interval_low)} to ${percent(one.interval_high)}`;
}

export function duration(seconds) {
  if (seconds === null || seconds === undefined) return "–";
  if (seconds < 1) return `${Math.round(1000 * seconds)} ms`;
  if (seconds < 120) return `${seconds.toFixed(seconds < 10 ? 1 : 0)} s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`;
  return `${(seconds / 3600).toFixed(1)} h`;
}

export function bytes(count) {
  if (count === null || count === undefined) return "–";
  const units = ["B", "kB", "MB", "GB", "TB"];
  let value = count, unit = 0;
  while (value >= 1000 && unit < units.length - 1) { value /= 1000; unit += 1; }
  return `${value.toFixed(unit && value < 100 ? 1 : 0)} ${units[unit]}`;
}

/** A time in the browser's format and time zone. */
export function moment(text) {
  return text ? new Date(text).toLocaleString([], { dateStyle: "medium", timeStyle: "short" }) : "–";
}

/** A time as an element. */
export function when(text) {
  return h("time", { datetime: text }, moment(text));
}

export function shorten(text, length) {
  const line = (text ?? "").replace(/\s+/g, " ").trim();
  return line.length > length ? `${line.slice(0, length - 1)}…` : line;
}

export function badge(outcome) {
  return h("span", { class: `badge ${outcome}` }, outcome);
}
