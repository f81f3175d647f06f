// The filters above the panels: their choices and values.

import { h, number } from "./dom.js";
import * as view from "./view.js";

const FIELDS = { repo: "filter-repo", task_type: "filter-type", days: "filter-days" };
const element = (id) => document.getElementById(id);

/** Makes the filters change the view. */
export function listen() {
  for (const [name, id] of Object.entries(FIELDS)) {
    element(id).addEventListener("change", (event) => view.set({ [name]: event.target.value }));
  }
  element("filters").addEventListener("submit", (event) => event.preventDefault());
  element("filter-none").addEventListener("click", () => view.clear());
}

/** Shows the view's filters; hidden for panels about the whole database. */
export function reflect(hidden) {
  element("filters").hidden = hidden;
  for (const [name, id] of Object.entries(FIELDS)) choose(element(id), view.get(name));
  element("filter-none").hidden = !view.filtered();
}

/** Offers the recorded values, the most frequent first. */
export function offer({ repo_choices, task_type_choices }) {
  for (const [id, choices] of [["filter-repo", repo_choices], ["filter-type", task_type_choices]]) {
    const select = element(id);
    if (document.activeElement === select) continue; // it may be open
    const chosen = select.value;
    select.replaceChildren(h("option", { value: "" }, "all"), ...choices.map((one) =>
      h("option", { value: one.value }, `${one.value} (${number(one.executions)})`)));
    choose(select, chosen);
  }
}

function choose(select, value) {
  if (![...select.options].some((one) => one.value === value)) select.append(h("option", { value }, value));
  select.value = value;
}
