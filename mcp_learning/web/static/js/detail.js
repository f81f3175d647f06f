// One execution in a dialog: all its values, other runs, similar tasks, and corrections.

import { correction, deletion } from "./correct.js";
import { badge, bytes, count, dollars, duration, h, moment, number, quiet, row, shorten, table, when } from "./dom.js";
import { task, tasks } from "./named.js";
import { runs } from "./runs.js";
import { getJson } from "./session.js";
import * as view from "./view.js";

const dialog = document.getElementById("detail");
const RUNS = 20, SIMILAR = 8, LINKED = 10;
let refresh;

dialog.addEventListener("close", () => {
  dialog.replaceChildren();
  view.set({ task: "" });
});
let pressed = null; // where a click began: its end may hit another element if the content has moved
dialog.addEventListener("pointerdown", (event) => { pressed = event.target; });
dialog.addEventListener("click", (event) => {
  if (event.target === dialog && pressed === dialog) dialog.close();
});

/** Shows the execution in the address, if there is one; `corrected` is called when it was changed. */
export async function show(corrected) {
  refresh = corrected;
  const id = view.get("task");
  if (!id) {
    if (dialog.open) dialog.close();
    return;
  }
  let content;
  try {
    content = contentOf(await getJson(`executions/${encodeURIComponent(id)}`));
  } catch (error) {
    content = [h("h2", { id: "detail-title" }, "It can't be shown"), h("p", {}, error.message)];
  }
  if (view.get("task") !== id) return;
  const close = h("button", { type: "button", class: "close", "aria-label": "Close", onclick: () => dialog.close() }, "✕");
  dialog.replaceChildren(close, ...content);
  if (!dialog.open) dialog.showModal();
  dialog.scrollTop = 0;
}

function contentOf(found) {
  const { execution: one, feedback, used_task_ids, used_by } = found;
  return [
    h("h2", { id: "detail-title" }, badge(one.outcome), ` ${one.task_type}`, one.repo ? ` in ${one.repo}` : ""),
    actions(found),
    ...readable(one.task_description),
    one.solution_summary ? h("h3", {}, "What worked, or what to do next time") : null,
    ...readable(one.solution_summary),
    one.error_type || one.error_message ? h("h3", {}, `Error${one.error_type ? `: ${one.error_type}` : ""}`) : null,
    one.error_message ? h("pre", { tabindex: 0, "aria-label": "Error message" }, one.error_message) : null,
    facts(found),
    links("It used", used_task_ids),
    links("It was used by", used_by.map((use) => use.task_id)),
    feedback.length ? h("h3", {}, "Feedback") : null,
    feedback.length ? table("Feedback", ["when", "rating", "accepted", "helpful", "issue", "comment"],
      feedback.map((given) => row(when(given.submitted_at), given.rating, word(given.accepted), word(given.helpful),
        given.issue_type, given.comment))) : null,
    related(one),
    one.metadata ? h("details", {}, h("summary", {}, "Metadata"),
      h("pre", { tabindex: 0, "aria-label": "Metadata" }, JSON.stringify(one.metadata, null, 2))) : null,
  ].filter(Boolean);
}

/** A text as paragraphs and fenced code blocks. */
function readable(text) {
  return (text ?? "").split(/^```.*$/m).map((part, at) => part.trim() &&
    (at % 2 ? h("pre", { tabindex: 0, "aria-label": "Code" }, part.replace(/^\n|\n$/g, "")) : h("div", { class: "prose" }, part.trim())))
    .filter(Boolean);
}

function actions(found) {
  const { execution: one } = found;
  const place = h("div", {});
  const copied = h("span", { class: "quiet", role: "status" });
  const copy = (label, text) => h("button", { type: "button", onclick: async () => {
    try {
      await navigator.clipboard.writeText(text);
      copied.textContent = "copied";
    } catch {
      copied.textContent = text; // the browser doesn't let the page write to the clipboard
    }
  } }, label);
  const closed = () => place.replaceChildren();
  const corrected = () => { show(refresh); refresh("corrected"); };
  const deleted = () => { dialog.close(); refresh("deleted"); };
  const unfold = (form) => {
    place.replaceChildren(form);
    form.querySelector("select, button").focus();
  };
  return h("div", {}, h("div", { class: "actions" },
    copy("Copy id", one.task_id),
    copy("Copy link", `${location.origin}${view.address({})}`),
    h("button", { type: "button", id: "correct", onclick: () => unfold(correction(one, corrected, closed)) }, "Correct …"),
    h("button", { type: "button", id: "delete", onclick: () => unfold(deletion(one, found, deleted, closed)) }, "Delete …"),
    copied), place);
}

function facts({ execution: one, times_returned, weight, outcome_reason }) {
  const known = (value, format = String) => (value === null || value === undefined ? null : format(value));
  const rows = [
    ["Recorded", moment(one.recorded_at)], ["Changed", one.updated_at === one.recorded_at ? null : moment(one.updated_at)],
    ["Approach", one.approach], ["Model tier", one.model_tier], ["Pool", one.pool_type], ["Topology", one.swarm_topology],
    ["Outcome known by", one.outcome_basis === "none" ? null : `${one.outcome_basis}, counts ${one.outcome_confidence}`],
    ["Why", outcome_reason], ["Took", known(one.duration_seconds, duration)], ["Cost", known(one.cost_usd, dollars)],
    ["Estimated", known(one.cost_estimate, dollars)], ["Files", known(one.file_count)],
    ["Tokens, estimated", known(one.estimated_tokens, number)], ["Quality", known(one.quality_score)],
    ["Complexity", known(one.complexity_score)],
    ["Memory", known(one.peak_memory_mb, (megabytes) => bytes(megabytes * 2 ** 20))],
    ["Accepted", known(one.user_accepted, word)], ["Rating", known(one.user_rating)],
    ["Answers with it", known(times_returned, number)], ["Weight in recommendations", known(weight)], ["Id", one.task_id],
  ].filter(([, value]) => value !== null && value !== undefined);
  return h("dl", {}, rows.flatMap(([name, value]) => [h("dt", {}, name), h("dd", {}, value)]));
}

const word = (value) => (value === null ? "" : value ? "yes" : "no");

/** Links to the first executions of a list. */
function links(title, ids) {
  if (!ids.length) return null;
  const place = h("div", {}, quiet("…"));
  Promise.all(ids.slice(0, LINKED).map((id) => getJson(`executions/${id}`)))
    .then((found) => place.replaceChildren(
      tasks(ids.slice(0, LINKED), found.map(({ execution }) => execution), { outcomes: true }),
      ids.length > LINKED ? quiet(`and ${count(ids.length - LINKED, "more", "more")}`) : ""))
    .catch((error) => place.replaceChildren(quiet(error.message)));
  return h("div", {}, h("h3", {}, title), place);
}

/** Other runs of the task, and similar tasks; loaded after the rest. */
function related(one) {
  const place = h("div", {}, quiet("Looking for other runs and similar tasks …"));
  fill(one, place).catch((error) => place.replaceChildren(quiet(error.message)));
  return place;
}

async function fill(one, place) {
  const [listing, { answer }] = await Promise.all([
    getJson("executions", { same_task: one.task_id, limit: RUNS }),
    getJson("look-up", { task_description: one.task_description.slice(0, 4000), limit: SIMILAR, rest: 0, max_tokens: 20_000 }),
  ]);
  const same = new Set(listing.executions.map((run) => run.task_id));
  const others = listing.executions.filter((run) => run.task_id !== one.task_id);
  const similar = answer.matches.filter((match) => !same.has(match.task_id));
  place.replaceChildren(
    h("h3", {}, "Other runs of this task"),
    others.length ? runs("Other runs", others, ["recorded_at", "outcome", "approach", "duration", "task"])
      : quiet("None."),
    h("h3", {}, "Similar tasks"),
    similar.length ? h("ul", { class: "tasks" }, similar.map((match) => h("li", {},
      badge(match.outcome), h("span", { class: "quiet" }, match.similarity.toFixed(2)),
      task(match.task_id, shorten(match.task_description, 110))))) : quiet("None is similar enough."));
}
