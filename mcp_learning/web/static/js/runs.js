// Tables of executions: the columns, and the format of their values.

import { badge, dollars, duration, h, labelled, shorten, table, when } from "./dom.js";
import { task } from "./named.js";

/** Columns by name: heading, content of a cell, and the field to sort by, if any. */
export const COLUMNS = {
  recorded_at: { heading: "when", cell: (one) => when(one.recorded_at), sort: "recorded_at", descending: true },
  outcome: { heading: "outcome", cell: (one) => badge(one.outcome), sort: "outcome" },
  task: { heading: "task", cell: (one) => task(one.task_id, shorten(one.task_description, 160)), field: "task_description" },
  task_type: { heading: "type", cell: (one) => one.task_type, sort: "task_type" },
  repo: { heading: "repo", cell: (one) => one.repo, sort: "repo" },
  approach: { heading: "approach", cell: (one) => one.approach, sort: "approach" },
  model_tier: { heading: "model", cell: (one) => one.model_tier },
  error_type: { heading: "error", cell: (one) => one.error_type },
  solution: { heading: "solution", cell: (one) => shorten(one.solution_summary, 160), field: "solution_summary" },
  duration: { heading: "took", cell: (one) => known(one.duration_seconds, duration), field: "duration_seconds",
    sort: "duration_seconds", descending: true },
  cost: { heading: "cost", cell: (one) => known(one.cost_usd, dollars), field: "cost_usd", sort: "cost_usd",
    descending: true },
};

const known = (value, format) => (value === null ? "" : format(value));

/** A table of executions with these columns; `heading(cell, name)` can change a column's heading. */
export function runs(caption, executions, columns, heading = null) {
  const shown = table(caption, columns.map((name) => COLUMNS[name].heading), executions.map((one) => line(one, columns)),
    "runs");
  if (heading) {
    shown.querySelectorAll("thead th").forEach((cell, at) => heading(cell, columns[at]));
  }
  return shown;
}

export function line(one, columns) {
  const cells = columns.map((name) => h("td", { class: name === "task" ? "task" : null }, COLUMNS[name].cell(one) ?? ""));
  return labelled(h("tr", {}, cells), columns.map((name) => COLUMNS[name].heading));
}
