// Puts the page together: panels, filters, and refreshes while agents work.

import { disposeGone } from "./charts.js";
import { card, h } from "./dom.js";
import * as filters from "./filters.js";
import * as frame from "./frame.js";
import { overview } from "./overview.js";
import { getJson, keepToken, Refused, takeToken } from "./session.js";
import * as view from "./view.js";

const PULSE = 2000; // ms between two checks for changes
const PANELS = { // `fresh`: least ms between refreshes; modules of other panels are loaded when opened
  overview: { title: "Overview", fresh: 3000, show: overview },
  executions: { title: "Executions", fresh: 5000,
    show: async (signal) => (await import("./executions.js")).executions(signal) },
  search: { title: "Search", fresh: Infinity, show: async (signal) => (await import("./search.js")).search(signal) },
  learned: { title: "What we learned", fresh: 15000,
    show: async (signal) => (await import("./learned.js")).learned(signal) },
  lessons: { title: "Lessons", fresh: 2000, show: async (signal) => (await import("./lessons.js")).lessons(signal) },
  health: { title: "Health", fresh: 2000, show: async (signal) => (await import("./health.js")).health(signal) },
};

const FILTERLESS = new Set(["health"]);

const main = document.getElementById("panel");
const live = document.getElementById("live");
let loading = new AbortController();
let known = null; // the database's state when the panel was loaded
let shownAt = 0;
let timer = null;
let pulsing = false;

/** Shows the state of the page; screen readers don't announce the same text again. */
function announce(text) {
  if (live.textContent !== text) live.textContent = text;
}

const panel = () => (view.get("panel") in PANELS ? view.get("panel") : "overview");

async function show({ quietly = false } = {}) {
  loading.abort();
  loading = new AbortController();
  const { signal } = loading;
  const name = panel();
  frame.mark(PANELS, name);
  filters.reflect(FILTERLESS.has(name));
  if (!quietly) main.setAttribute("aria-busy", "true");
  try {
    const content = await PANELS[name].show(signal);
    if (signal.aborted) return;
    replace(content);
    shownAt = performance.now();
    performance.mark(`shown-${name}`);
    main.dataset.shown = name;
  } catch (error) {
    if (signal.aborted) return;
    problem(error);
  } finally {
    if (!signal.aborted) main.removeAttribute("aria-busy");
  }
}

/** Replaces the panel; keeps the focus, the scroll position and what was unfolded. */
function replace(content) {
  const focused = document.activeElement?.id;
  const top = scrollY;
  const opened = [...main.querySelectorAll("details")].map((one) => one.open);
  main.replaceChildren(...content.filter(Boolean));
  disposeGone();
  main.querySelectorAll("details").forEach((one, at) => { one.open = opened[at] ?? false; });
  if (focused) document.getElementById(focused)?.focus({ preventScroll: true });
  scrollTo(0, top);
}

function problem(error) {
  announce("");
  if (error instanceof Refused) {
    clearInterval(timer);
    refused();
  } else if (main.childElementCount && error instanceof TypeError) {
    announce("The dashboard doesn't answer; was it stopped?");
  } else {
    main.replaceChildren(h("p", { class: "problem", role: "alert" }, error.message));
  }
}

function refused() {
  const token = h("input", { id: "token", type: "password", required: true, autocomplete: "off", "aria-label": "Token" });
  main.replaceChildren(card("This address is not valid, or no longer valid",
    h("p", { role: "alert" }, "Open the address that mcp-learning dashboard prints; it contains the token. " +
      "Or enter the token here:"),
    h("form", { class: "search", onsubmit: (event) => {
      event.preventDefault();
      keepToken(token.value);
      location.reload();
    } }, token, h("button", {}, "Use it"))));
  disposeGone();
  main.dataset.shown = "refused";
}

/** Refreshes the panel if the database has changed, but not too often. */
async function pulse() {
  if (document.hidden || pulsing) return;
  pulsing = true;
  try {
    const { state } = await getJson("pulse");
    announce("live");
    const { fresh } = PANELS[panel()];
    const due = performance.now() - shownAt >= fresh;
    const focused = document.activeElement;
    const typing = main.contains(focused) && focused.matches("input, textarea") && focused.value !== focused.defaultValue;
    if (due && !typing && (state !== known || panel() === "health") && !main.hasAttribute("aria-busy")) {
      await show({ quietly: true });
      known = state;
    }
  } catch (error) {
    problem(error);
  } finally {
    pulsing = false;
  }
}

async function detail() {
  const { show: open } = await import("./detail.js");
  await open((what) => {
    announce(what);
    show({ quietly: true });
  });
}

async function start() {
  takeToken();
  filters.listen();
  frame.listen();
  view.onChange((names) => {
    if (names === null || names.some((name) => name !== "task")) show();
    if (names === null || names.includes("task")) detail();
  });
  addEventListener("hashchange", () => {
    takeToken();
    location.reload();
  });
  try {
    known = (await getJson("pulse")).state; // before loading, so that the panel is at least as new
    await show();
    timer = setInterval(pulse, PULSE);
    announce("live");
    await Promise.all([frame.about(), view.get("task") ? detail() : null, panel() === "overview" ? null : getJson("overview", { days: 1 }).then(filters.offer)]);
  } catch (error) {
    problem(error);
  }
}

start();
