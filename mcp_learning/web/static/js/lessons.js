// Lessons: the inbox of candidates and lessons on trial, kept and retired lessons; decisions about them.

import { badge, card, count, h, number, percent, quiet, row, table, when } from "./dom.js";
import { task } from "./named.js";
import { getJson, send } from "./session.js";
import * as view from "./view.js";

const ACTIONS = { candidate: ["approve", "edit", "retire"], trial: ["approve", "edit", "retire"],
  kept: ["edit", "pin", "retire"], retired: ["approve"] };
const NAMES = { approve: "Approve", edit: "Edit", retire: "Retire", pin: "Pin", unpin: "Unpin" };
const TEXTS = { when: "When", do: "Do", avoid: "Avoid" };

export async function lessons(signal) {
  const { repo, task_type } = view.filters();
  const { lessons: found } = await getJson("lessons", { repo, task_type, limit: 1000 }, signal);
  const of = (...status) => found.filter((one) => status.includes(one.lesson.status));
  const gone = of("retired");
  return [
    card("Inbox: waiting, or on trial", quiet("On trial, a lesson is shown to a random half of the tasks that it " +
      "fits. Approve it to show it always, or retire it; else its effect decides."),
    entries(of("candidate", "trial"), "Nothing waits. Lessons are found as executions are recorded, or agents save them.")),
    card("Kept: shown to every task that they fit", entries(of("kept"), "None yet.")),
    gone.length ? card(`Retired (${number(gone.length)})`,
      h("details", {}, h("summary", {}, "Show them"), entries(gone, ""))) : null,
  ];
}

function entries(some, none) {
  return some.length ? h("div", { class: "grid" }, some.map(entry)) : h("p", { class: "none" }, none);
}

function entry({ lesson, effect }) {
  const message = h("div", { role: "status" });
  const unit = h("article", { class: "unit lesson", "data-lesson": lesson.lesson_id },
    h("h3", {}, `When ${lesson.when}`),
    lesson.do ? h("p", {}, h("strong", {}, "Do "), lesson.do) : null,
    lesson.avoid ? h("p", {}, h("strong", {}, "Avoid "), lesson.avoid) : null,
    quiet(`${lesson.pinned ? "pinned" : lesson.status}, by ${lesson.origin}`,
      lesson.repo ? `, in ${lesson.repo}` : "", lesson.task_type ? `, ${lesson.task_type}` : "",
      `, from ${count(lesson.evidence.length, "execution")}: `,
      lesson.evidence.slice(0, 3).map((id, at) => [task(id, `execution ${at + 1}`), " "])),
    quiet(effectText(effect)), message);
  const actions = ACTIONS[lesson.status].map((one) => (one === "pin" && lesson.pinned ? "unpin" : one));
  const buttons = actions.map((action) => h("button", { type: "button", onclick: () => (action === "edit"
    ? unit.append(editing(lesson, message)) : decide(lesson, { action }, message)) }, NAMES[action]));
  unit.append(h("div", { class: "actions" }, buttons), history(lesson));
  return unit;
}

function effectText(effect) {
  if (effect.change === null) {
    return `No effect known yet: ${number(effect.shown)} ended with it, ${number(effect.withheld)} without, ` +
      `${number(effect.waiting)} not ended.`;
  }
  const points = (value) => `${value > 0 ? "+" : ""}${Math.round(100 * value)}`;
  return `Effect ${points(effect.change)} points (90 % interval ${points(effect.change_low)} to ` +
    `${points(effect.change_high)}): ${percent(effect.shown_success / effect.shown)} of ${number(effect.shown)} ` +
    `succeeded with it, ${percent(effect.withheld_success / effect.withheld)} of ${number(effect.withheld)} without.`;
}

async function decide(lesson, body, message) {
  try {
    await send("PATCH", `lessons/${lesson.lesson_id}`, body);
    message.replaceChildren(quiet("Saved, for all agents.")); // the page is refreshed in a moment
  } catch (error) {
    message.replaceChildren(h("p", { role: "alert", class: "problem" }, error.message));
  }
}

function editing(lesson, message) {
  const inputs = Object.entries(TEXTS).map(([name, label]) => [name, label, h("textarea", { maxlength: 300, rows: 2,
    "aria-label": label }, lesson[name] ?? "")]);
  const form = h("form", { class: "correct", onsubmit: (event) => {
    event.preventDefault();
    const body = { action: "edit" };
    for (const [name, , input] of inputs) {
      const value = input.value.trim();
      if (value && value !== lesson[name]) body[name] = value;
    }
    decide(lesson, body, message);
  } }, inputs.map(([, label, input]) => h("label", {}, label, input)),
  h("div", { class: "actions" }, h("button", {}, "Save"),
    h("button", { type: "button", onclick: () => form.remove() }, "Cancel")));
  return form;
}

/** The history of a lesson and where it was shown, loaded when unfolded. */
function history(lesson) {
  const place = h("div", {});
  return h("details", { ontoggle: async (event) => {
    if (!event.target.open || place.childElementCount) return;
    const { history: lines, showings } = await getJson(`lessons/${lesson.lesson_id}`);
    place.replaceChildren(
      h("ul", {}, lines.map((one) => h("li", {}, when(one.changed_at), ` ${one.change} by ${one.by}`,
        one.reason ? `: ${one.reason}` : ""))),
      showings.length ? table("Where it was shown, or withheld by lot", ["when", "shown", "execution", "outcome"],
        showings.map((one) => row(when(one.shown_at), one.shown ? "shown" : "withheld",
          one.task_id ? task(one.task_id, "See it") : "not found yet", one.outcome ? badge(one.outcome) : "–"))) : "");
  } }, h("summary", {}, "History, and where it was shown"), place);
}
