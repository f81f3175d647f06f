// The view: the panel and the filters. They are in the address, so that a view can be bookmarked and
// shared, and the browser's back button works.

import { h } from "./dom.js";

const FILTERS = ["repo", "task_type", "days"];
const listeners = [];

export function get(name) {
  return new URLSearchParams(location.search).get(name) ?? "";
}

/** The filters, as parameters of requests. */
export function filters() {
  return Object.fromEntries(FILTERS.map((name) => [name, get(name)]));
}

export function filtered() {
  return FILTERS.some((name) => get(name) !== "");
}

export function clear() {
  set(Object.fromEntries(FILTERS.map((name) => [name, ""])));
}

/** The address of this view with some values changed. */
export function address(changes) {
  const query = new URLSearchParams(location.search);
  for (const [name, value] of Object.entries(changes)) {
    if (value === "" || value === null || value === undefined) query.delete(name);
    else query.set(name, value);
  }
  return `${location.pathname}${query.size ? `?${query}` : ""}`;
}

/** Changes some values; adds an entry to the browser's history, unless `replace`. */
export function set(changes, { replace = false } = {}) {
  const next = address(changes);
  if (next === location.pathname + location.search) return;
  history[replace ? "replaceState" : "pushState"](null, "", next);
  for (const listener of listeners) listener(Object.keys(changes));
}

/** A link to this view with some values changed; can be opened in another tab. */
export function link(changes, content, properties = {}) {
  return h("a", { class: "link", ...properties, href: address(changes), onclick: (event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    set(changes);
  } }, content);
}

/** Adds a listener, which is called with the names that changed, or null if any may have. */
export function onChange(listener) {
  listeners.push(listener);
}

addEventListener("popstate", () => {
  for (const listener of listeners) listener(null);
});
