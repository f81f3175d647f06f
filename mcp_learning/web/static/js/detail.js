// One whole execution, in a dialog.

import { badge, bytes, dollars, duration, h, moment, number, table, row } from "./dom.js";
import { ask } from "./session.js";
import * as view from "./view.js";

const dialog = document.getElementById("detail");
dialog.addEventListener("close", () => view.set({ task: "" }));
dialog.addEventListener("click", (event) => {
  if (event.target === dialog) dialog.close();
});

export async function detail() {
  const id = view.get("task");
  if (!id) {
    if (dialog.open) dialog.close();
    return;
  }
  let content;
  try {
    content = whole(await ask(`executions/${encodeURIComponent(id)}`));
  } catch (error) {
    content = [h("h2", { id: "detail-title" }, "It can't be shown"), h("p", {}, error.message)];
  }
  if (view.get("task") !== id) return;
  const close = h("button", { type: "button", class: "close", "aria-label": "Close", onclick: () => dialog.close() }, "✕");
  dialog.replaceChildren(close, ...content);
  if (!dialog.open) dialog.showModal();
}

function whole({ execution: one, feedback, used_task_ids, used_by, times_returned, weight }) {
  const facts = [
    ["Recorded", moment(one.recorded_at)], ["Repo", one.repo], ["Approach", one.approach],
    ["Model tier", one.model_tier], ["Pool", one.pool_type], ["Topology", one.swarm_topology],
    ["Took", one.duration_seconds && duration(one.duration_seconds)],
    ["Cost", one.cost_usd !== null && one.cost_usd !== undefined ? dollars(one.cost_usd) : null],
    ["Estimated", one.cost_estimate && dollars(one.cost_estimate)],
    ["Files", one.file_count], ["Tokens, estimated", one.estimated_tokens && number(one.estimated_tokens)],
    ["Quality", one.quality_score], ["Complexity", one.complexity_score],
    ["Memory", one.peak_memory_mb && bytes(one.peak_memory_mb * 2 ** 20)],
    ["Accepted", one.user_accepted === null || one.user_accepted === undefined ? null : one.user_accepted ? "yes" : "no"],
    ["Rating", one.user_rating], ["Answers with it", times_returned],
    ["Weight in recommendations", weight], ["Id", one.task_id],
  ].filter(([, value]) => value !== null && value !== undefined);
  return [
    h("h2", { id: "detail-title" }, badge(one.outcome), ` ${one.task_type}`),
    h("pre", {}, one.task_description),
    one.solution_summary ? h("h3", {}, "What worked, or what to do next time") : null,
    one.solution_summary ? h("pre", {}, one.solution_summary) : null,
    one.error_type || one.error_message ? h("h3", {}, `Error${one.error_type ? `: ${one.error_type}` : ""}`) : null,
    one.error_message ? h("pre", {}, one.error_message) : null,
    h("dl", {}, facts.flatMap(([name, value]) => [h("dt", {}, name), h("dd", {}, String(value))])),
    one.metadata ? h("pre", {}, JSON.stringify(one.metadata, null, 2)) : null,
    links("It used", used_task_ids.map((id) => [id, null])),
    links("It was used by", used_by.map((use) => [use.task_id, use.outcome])),
    feedback.length ? table("Feedback", ["when", "rating", "accepted", "helpful", "issue", "comment"],
      feedback.map((given) => row(moment(given.submitted_at), given.rating, word(given.accepted), word(given.helpful),
        given.issue_type, given.comment))) : null,
  ].filter(Boolean);
}

const word = (value) => (value === null ? "" : value ? "yes" : "no");

function links(title, found) {
  if (!found.length) return null;
  return h("div", {}, h("h3", {}, title), h("ul", { class: "plain" }, found.map(([id, outcome]) => h("li", {},
    h("button", { type: "button", class: "link", onclick: () => view.set({ task: id }) }, id), " ",
    outcome ? badge(outcome) : null))));
}
