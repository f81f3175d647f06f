// Corrections of one execution: outcome, labels, deletion. Nothing is written without a confirmation.

import { count, h, quiet } from "./dom.js";
import { send } from "./session.js";

const LABELS = { task_type: "Task type", repo: "Repo", approach: "Approach", model_tier: "Model tier", error_type: "Error type" };
const REQUIRED = new Set(["task_type"]);

/** A form that corrects an execution; `done` is called after it was written. */
export function correction(one, done, cancel) {
  const outcome = h("select", { id: "correct-outcome" }, ["success", "failure", "pending"].map((name) =>
    h("option", { value: name, selected: one.outcome === name }, name)));
  const inputs = Object.entries(LABELS).map(([name, label]) => [name, label, h("input", { id: `correct-${name}`,
    value: one[name] ?? "", required: REQUIRED.has(name), maxlength: name === "task_type" ? 64 : 200,
    list: { task_type: "known-types", repo: "known-repos" }[name], autocomplete: "off" })]);
  const changes = () => {
    const changed = outcome.value === one.outcome ? {} : { outcome: outcome.value };
    for (const [name, , input] of inputs) {
      const value = input.value.trim();
      if (value !== (one[name] ?? "")) changed[name] = value;
    }
    return changed;
  };
  return confirmed("Correct it", h("div", { class: "fields" },
    h("label", {}, "Outcome", outcome), inputs.map(([, label, input]) => h("label", {}, label, input)),
    known("known-types", "filter-type"), known("known-repos", "filter-repo")),
  () => {
    const changed = Object.entries(changes());
    if (!changed.length) return null;
    return h("ul", {}, changed.map(([name, value]) => h("li", {},
      `${LABELS[name] ?? "Outcome"}: ${one[name] || "none"} → ${value || "none"}`)));
  }, "Nothing is different yet.", async () => {
    const given = {}, clear = [];
    for (const [name, value] of Object.entries(changes())) {
      if (value) given[name] = value;
      else clear.push(name);
    }
    await send("PATCH", `executions/${one.task_id}`, { ...given, clear });
    done();
  }, cancel);
}

/** A form that deletes an execution; `done` is called after that. */
export function deletion({ task_id }, { used_by, feedback }, done, cancel) {
  const also = [used_by.length ? `${count(used_by.length, "later execution")} used it` : "",
    feedback.length ? `it has ${count(feedback.length, "feedback", "feedbacks")}` : ""].filter(Boolean).join("; ");
  return confirmed("Delete it", quiet("It is taken out of the database and of all searches, with its feedback and its " +
    `uses, and can't be brought back${also ? `: ${also}` : ""}.`),
  () => h("p", {}, "Really delete it?"), "", async () => {
    await send("DELETE", `executions/${task_id}`, { confirmed: true });
    done();
  }, cancel);
}

/** A datalist with the choices of a filter. */
function known(id, filter) {
  const values = [...document.getElementById(filter).options].map((one) => one.value).filter(Boolean);
  return h("datalist", { id }, values.map((value) => h("option", { value })));
}

/** A form in two steps: review, then confirm. `summary()` returns null if there is nothing to write. */
function confirmed(title, fields, summary, empty, write, cancel) {
  const message = h("div", { role: "status" });
  const next = h("button", { id: "correct-next" }, "Review");
  const back = h("button", { type: "button", onclick: cancel }, "Cancel");
  const form = h("form", { class: "correct", onsubmit: async (event) => {
    event.preventDefault();
    if (form.dataset.step !== "confirm") {
      const shown = summary();
      if (shown === null) { message.replaceChildren(quiet(empty)); return; }
      form.dataset.step = "confirm";
      message.replaceChildren(shown);
      next.textContent = `${title}, for all agents`;
      return;
    }
    next.disabled = true;
    try {
      await write();
    } catch (error) {
      message.replaceChildren(h("p", { role: "alert", class: "problem" }, error.message));
      next.disabled = false;
    }
  }, oninput: () => {
    delete form.dataset.step;
    message.replaceChildren();
    next.textContent = "Review";
  } }, h("h3", {}, title), fields, message, h("div", { class: "actions" }, next, back));
  return form;
}
