// The answer that an agent gets, and what it leaves out.

import { badge, card, duration, h, number, percent, shorten } from "./dom.js";
import { rates } from "./rates.js";
import { ask } from "./session.js";
import * as view from "./view.js";

export async function search(signal) {
  const text = view.get("q");
  const content = [form(text)];
  if (text) {
    const { repo, task_type, days } = view.filters();
    const asked = { task_description: text, repo, task_type, since_days: days, outcome: view.get("outcome") };
    content.push(...shown(await ask("look-up", asked, signal)));
  }
  return content;
}

function form(text) {
  const question = h("input", { type: "search", id: "question", value: text, required: true, maxlength: 4000,
    placeholder: "A task, an error message or an identifier", "aria-label": "Question" });
  const outcome = h("select", { id: "outcome", "aria-label": "Outcome" },
    ["any", "success", "failure", "pending"].map((name) =>
      h("option", { value: name, selected: (view.get("outcome") || "any") === name }, name)));
  return card("What would an agent find?",
    h("form", { class: "search", onsubmit: (event) => {
      event.preventDefault();
      view.set({ q: question.value, outcome: outcome.value === "any" ? "" : outcome.value });
    } }, question, outcome, h("button", {}, "Search")));
}

function shown({ found, answer }) {
  const { floor, beyond, below } = found;
  const info = answer.search;
  const content = [card(answer.matches.length ? "The answer" : "Nothing relevant",
    h("p", { class: "quiet" }, `${number(info.candidates)} executions searched, ${info.mode}, with ` +
      `${info.embedder}. The floor is ${floor.toFixed(2)}.` +
      (info.truncated ? " Texts were cut to the agent's budget." : "") +
      (info.degraded ? ` Not as good as it could be: ${info.reason}.` : "")),
    list(answer.matches, floor))];
  content.push(recommendation(found.recommendation));
  if (beyond.length) content.push(card("Relevant, but beyond the answer's limit", list(beyond, floor)));
  content.push(card("Below the floor: an agent doesn't see these", below.length ? list(below, floor)
    : h("p", { class: "quiet" }, "None of the nearest tasks is below it.")));
  return content;
}

function list(matches, floor) {
  return h("ol", { class: "matches" }, matches.map((one) => {
    const bar = h("span", { class: "bar" }, h("span", { class: one.similarity < floor ? "fill under" : "fill" }),
      h("span", { class: "mark" }));
    bar.children[0].style.width = `${100 * one.similarity}%`;
    bar.children[1].style.left = `${100 * floor}%`;
    return h("li", {},
      h("div", { class: "score" }, bar, h("b", {}, one.similarity.toFixed(2)),
        h("span", { class: "quiet" }, { both: "by words and meaning" }[one.matched_by] ?? `by ${one.matched_by}`)),
      h("div", {},
        h("button", { type: "button", class: "link", onclick: () => view.set({ task: one.task_id }) },
          shorten(one.task_description, 200)),
        h("p", {}, badge(one.outcome), ` ${one.task_type}`, one.repo ? ` in ${one.repo}` : "",
          one.approach ? `, by ${one.approach}` : "",
          one.runs.total > 1 ? `; ${one.runs.total} runs, ${one.runs.success} succeeded` : ""),
        h("p", { class: "lesson" }, shorten(one.solution_summary ?? one.error_message ?? one.error_type ?? "", 280))));
  }));
}

function recommendation(found) {
  if (!found.options.length) {
    return card("Recommendation", h("p", {}, "Not enough evidence on tasks like this one."));
  }
  const sure = found.verdict === "evidence" ? "" : " There is too little evidence to rely on it.";
  return card("Recommendation, with 90 % intervals",
    h("p", { class: "quiet" }, `From ${number(found.basis.similar_executions)} similar executions, worth ` +
      `${found.basis.effective_n.toFixed(1)}.${sure}`),
    rates("Expected success rates", "approach", found.options.map((one) => ({
      label: one.label, rate: one.success_rate, low: one.interval_low, high: one.interval_high,
      ended: one.executions, notes: [duration(one.expected_duration_seconds)],
    })), { notes: ["duration"] }),
    h("ul", { class: "plain" }, found.options.map((one) => h("li", {},
      `${one.label}: ${percent(one.success_rate)}, `, evidence(one.evidence)))),
    found.pitfalls.length ? h("h3", {}, "Pitfalls") : null,
    h("ul", { class: "plain" }, found.pitfalls.map((one) => h("li", {},
      h("button", { type: "button", class: "link", onclick: () => view.set({ task: one.task_id }) },
        shorten(one.what_happened, 200)), one.fix ? `. Fixed by: ${shorten(one.fix, 200)}` : ""))));
}

export function evidence(ids) {
  return ids.map((id, at) => h("button", { type: "button", class: "link",
    onclick: () => view.set({ task: id }) }, `evidence ${at + 1}`));
}
