// What is looked at: the panel and the filters, which live in the address, so that it can be kept,
// sent to oneself and gone back from.

import { h } from "./dom.js";

const FILTERS = ["repo", "task_type", "days"];
const listeners = [];

export function get(name) {
  return new URLSearchParams(location.search).get(name) ?? "";
}

/** The filters, as questions have them. */
export function filters() {
  return Object.fromEntries(FILTERS.map((name) => [name, get(name)]));
}

export function filtered() {
  return FILTERS.some((name) => get(name) !== "");
}

export function clear() {
  set(Object.fromEntries(FILTERS.map((name) => [name, ""])));
}

/** The address of this view with some of it changed. */
export function address(changes) {
  const query = new URLSearchParams(location.search);
  for (const [name, value] of Object.entries(changes)) {
    if (value === "" || value === null || value === undefined) query.delete(name);
    else query.set(name, value);
  }
  return `${location.pathname}${query.size ? `?${query}` : ""}`;
}

/** Changes some of it; a step that can be gone back from, unless it replaces the last one. */
export function set(changes, { replace = false } = {}) {
  const next = address(changes);
  if (next === location.pathname + location.search) return;
  history[replace ? "replaceState" : "pushState"](null, "", next);
  for (const listener of listeners) listener(Object.keys(changes));
}

/** A link to this view with some of it changed; opened in another tab, it is a view of its own. */
export function link(changes, content, properties = {}) {
  return h("a", { class: "link", ...properties, href: address(changes), onclick: (event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    set(changes);
  } }, content);
}

/** Calls a listener with the names that changed; without any when it may be all. */
export function onChange(listener) {
  listeners.push(listener);
}

addEventListener("popstate", () => {
  for (const listener of listeners) listener(null);
});
