// Links to executions, with their task descriptions.

import { badge, h, shorten } from "./dom.js";
import * as view from "./view.js";

/** A link that opens an execution. */
export function task(id, content) {
  return view.link({ task: id }, content);
}

/**
 * A list of links, each with its task description.
 * @param ids of executions
 * @param named [{task_id, task_description, outcome}], in any order; others are left out
 * @param outcomes whether to show each outcome
 */
export function tasks(ids, named, { outcomes = false } = {}) {
  const known = new Map(named.map((one) => [one.task_id, one]));
  return h("ul", { class: "tasks" }, ids.filter((id) => known.has(id)).map((id) => {
    const { task_description, outcome } = known.get(id);
    return h("li", {}, outcomes ? badge(outcome) : null,
      task(id, shorten(task_description, 80)));
  }));
}
