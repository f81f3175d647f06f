// The executions of a view: filtered, sorted, with the chosen columns, and exported as shown.

import { card, count, h, number, quiet } from "./dom.js";
import { save } from "./export.js";
import { nothingRecorded } from "./overview.js";
import { COLUMNS, line, runs } from "./runs.js";
import { getJson } from "./session.js";
import * as view from "./view.js";

const PAGE = 50;
const FIRST = ["recorded_at", "outcome", "task", "task_type", "repo", "approach", "duration", "cost"];
const NARROWING = ["text", "outcome", "approach", "from", "to"];

let loaded = { address: "", rows: PAGE }; // keeps the rows that "Show more" loaded when the page is refreshed

export async function executions(signal) {
  const address = JSON.stringify(parameters());
  if (loaded.address !== address) loaded = { address, rows: PAGE };
  const listing = await getJson("executions", { ...parameters(), limit: loaded.rows }, signal);
  if (!listing.total && !view.filtered() && !NARROWING.some((name) => view.get(name))) return [nothingRecorded()];
  return [h("section", { class: "card" }, h("h2", {}, "Executions"), narrowing(), ...list(listing))];
}

/** The parameters of the request for the executions in the address. */
function parameters() {
  const day = (name, days) => {
    if (!view.get(name)) return "";
    const [year, month, date] = view.get(name).split("-").map(Number);
    const moment = new Date(year, month - 1, date + days); // in the browser's time zone
    return Number.isNaN(moment.getTime()) ? "" : moment.toISOString();
  };
  const { sort, descending } = order();
  return { ...view.filters(), text: view.get("text"), outcome: view.get("outcome"), approach: view.get("approach"),
    since: day("from", 0), until: day("to", 1), sort, descending };
}

function order() {
  const sort = view.get("sort") || "recorded_at";
  const column = Object.values(COLUMNS).find((one) => one.sort === sort);
  const turned = view.get("turned") === "1";
  return { sort, descending: Boolean(column?.descending) !== turned };
}

function columns() {
  const named = view.get("columns").split(",").filter((name) => name in COLUMNS);
  return named.length ? named : FIRST;
}

function narrowing() {
  const set = (name) => (event) => view.set({ [name]: event.target.value });
  const date = (name, label) => h("label", {}, label, " ",
    h("input", { type: "date", id: `list-${name}`, value: view.get(name), onchange: set(name) }));
  const select = (name, label, options, change) => h("select", { id: `list-${name}`, "aria-label": label, onchange: change },
    options.map(([value, text]) => h("option", { value, selected: view.get(name) === value }, text)));
  return h("form", { class: "narrow", "aria-label": "Which executions", onsubmit: (event) => event.preventDefault() },
    h("input", { type: "search", id: "list-text", value: view.get("text"), maxlength: 200, onchange: set("text"),
      placeholder: "Contains …", "aria-label": "Contains this text" }),
    select("outcome", "Outcome", [["", "any outcome"], ["success", "success"], ["failure", "failure"],
      ["pending", "pending"]], set("outcome")),
    date("from", "from"), date("to", "to"),
    h("span", { class: "sorting" }, select("sort", "Sort by",
      Object.values(COLUMNS).filter((one) => one.sort).map((one) => [one.sort, `by ${one.heading}`]),
      (event) => view.set({ sort: event.target.value, turned: "" }))),
    view.get("approach") ? h("button", { type: "button", onclick: () => view.set({ approach: "" }) },
      `approach: ${view.get("approach")} ✕`) : null,
    chooser());
}

function chooser() {
  const chosen = new Set(columns());
  return h("details", { class: "chooser" }, h("summary", {}, "Columns"), h("div", {},
    Object.entries(COLUMNS).filter(([name]) => name !== "task").map(([name, { heading }]) => h("label", {},
      h("input", { type: "checkbox", id: `column-${name}`, checked: chosen.has(name), onchange: ({ target }) => {
        const next = Object.keys(COLUMNS).filter((one) => (one === name ? target.checked : chosen.has(one)));
        view.set({ columns: next.join() === FIRST.join() ? "" : next.join() });
      } }), ` ${heading}`))));
}

function list(listing) {
  const shown = runs("Executions", listing.executions, columns(), sorting);
  const body = shown.querySelector("tbody");
  const shownCount = quiet();
  const more = h("button", { type: "button", id: "list-more", onclick: async () => {
    more.disabled = true;
    const next = await getJson("executions", { ...parameters(), limit: PAGE, offset: body.children.length });
    body.append(...next.executions.map((one) => line(one, columns())));
    loaded.rows = Math.min(1000, body.children.length);
    more.disabled = false;
    updateCount();
  } }, "Show more");
  const updateCount = () => {
    shownCount.textContent = `${number(body.children.length)} of ${number(listing.total)} shown`;
    more.hidden = body.children.length >= listing.total;
  };
  updateCount();
  if (!listing.total) return [h("p", { class: "none" }, "No execution matches.")];
  const exporting = quiet();
  const button = (format) => h("button", { type: "button", id: `export-${format}`, onclick: async () => {
    exporting.textContent = "Collecting …";
    const saved = await save(format, parameters(), columns());
    exporting.textContent = `${count(saved.rows, "row")} saved` + (saved.rows < saved.total
      ? ` of ${number(saved.total)}; mcp-learning export writes all, whole.` : "; texts are cut as in the list.");
  } }, format.toUpperCase());
  return [shown, h("div", { class: "actions" }, shownCount, more, h("span", { class: "exports" }, "Export as ", button("csv"), " ",
    button("json")), exporting)];
}

/** Makes a column's heading a button that sorts by it. */
function sorting(cell, name) {
  const { heading, sort } = COLUMNS[name];
  if (!sort) return;
  const now = order();
  const current = now.sort === sort;
  if (current) cell.setAttribute("aria-sort", now.descending ? "descending" : "ascending");
  cell.replaceChildren(h("button", { type: "button", class: "sort", id: `sort-${sort}`, onclick: () =>
    view.set({ sort: sort === "recorded_at" ? "" : sort, turned: current && view.get("turned") !== "1" ? "1" : "" }) },
  heading, h("span", { "aria-hidden": "true" }, current ? (now.descending ? " ▼" : " ▲") : "")));
}
