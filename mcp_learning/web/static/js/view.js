// What is looked at: the panel and the filters, which live in the address, so that it can be kept,
// sent to oneself and gone back from.

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

/** Changes some of it; a step that can be gone back from, unless it replaces the last one. */
export function set(changes, { replace = false } = {}) {
  const query = new URLSearchParams(location.search);
  for (const [name, value] of Object.entries(changes)) {
    if (value === "" || value === null || value === undefined) query.delete(name);
    else query.set(name, value);
  }
  const address = `${location.pathname}${query.size ? `?${query}` : ""}`;
  if (address === location.pathname + location.search) return;
  history[replace ? "replaceState" : "pushState"](null, "", address);
  for (const listener of listeners) listener(Object.keys(changes));
}

/** Calls a listener with the names that changed; without any when it may be all. */
export function onChange(listener) {
  listeners.push(listener);
}

addEventListener("popstate", () => {
  for (const listener of listeners) listener(null);
});
