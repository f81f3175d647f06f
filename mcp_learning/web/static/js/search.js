// The answer that an agent gets, the matches that it leaves out, and the recommendation.

import { badge, card, count, duration, h, percent, quiet, shorten, when } from "./dom.js";
import { marker } from "./marks.js";
import { task, tasks } from "./named.js";
import { rates } from "./rates.js";
import { getJson } from "./session.js";
import * as view from "./view.js";

export async function search(signal) {
  const text = view.get("q");
  const content = [form(text)];
  if (text) {
    const { repo, task_type, days } = view.filters();
    const parameters = { task_description: text, repo, task_type, since_days: days, outcome: view.get("outcome") };
    content.push(shown(text, await getJson("look-up", parameters, signal)));
  }
  return content;
}

function form(text) {
  const question = h("input", { type: "search", id: "question", value: text, required: true, maxlength: 4000,
    placeholder: "A task, an error message or an identifier", "aria-label": "Question" });
  const outcome = h("select", { id: "outcome", "aria-label": "Outcome" },
    [["any", "any outcome"], ["success"], ["failure"], ["pending"]].map(([name, label = name]) =>
      h("option", { value: name, selected: (view.get("outcome") || "any") === name }, label)));
  return card("What would an agent find?",
    h("form", { class: "search", onsubmit: (event) => {
      event.preventDefault();
      view.set({ q: question.value, outcome: outcome.value === "any" ? "" : outcome.value });
    } }, question, outcome, h("button", {}, "Search")),
    text ? null : quiet("Shows the answer of find_similar_tasks with what it leaves out, and what recommend_approach " +
      "says. Looking here counts as no recall."));
}

function shown(text, { found, answer }) {
  const { beyond, below } = found;
  const { search: info, matches } = answer;
  const marked = marker(text);
  const about = `${count(info.candidates, "execution")} searched, ${info.mode}, with ${info.embedder}.` +
    (info.truncated ? " Texts were cut to the agent's budget." : "") +
    (info.degraded ? ` Degraded: ${info.reason}.` : "");
  return h("div", { class: "halves" },
    h("div", { class: "stack" },
      card(matches.length ? "The answer" : "Nothing relevant", quiet(about),
        matches.length ? list(matches, marked) : null),
      beyond.length ? card("Relevant, but beyond the answer's limit", list(beyond, marked)) : null,
      card("Less similar: an agent doesn't see these", below.length ? list(below, marked, false)
        : quiet("Nothing else is near."))),
    h("div", { class: "stack" }, ...recommendation(found)));
}

function list(matches, marked, relevant = true) {
  return h("ol", { class: "matches" }, matches.map((one) => h("li", {}, score(one, relevant), h("div", {},
    task(one.task_id, marked(shorten(one.task_description, 240))),
    h("p", { class: "facts" }, badge(one.outcome), when(one.recorded_at),
      h("span", {}, one.task_type + (one.repo ? ` in ${one.repo}` : "")),
      one.approach ? h("span", {}, `by ${one.approach}`) : null,
      one.runs.total > 1 ? h("span", {}, `${one.runs.total} runs, ${one.runs.success} succeeded`) : null),
    lesson(one, marked)))));
}

function lesson(one, marked) {
  const texts = [one.passage, one.solution_summary ?? one.error_message ?? one.error_type].filter(Boolean);
  return texts.map((text) => h("p", { class: "lesson" }, marked(shorten(text, 280))));
}

function score(one, relevant) {
  const bar = h("span", { class: "bar", "aria-hidden": "true" },
    h("span", { class: relevant ? "fill" : "fill under" }));
  bar.children[0].style.width = `${100 * one.similarity}%`;
  return h("div", { class: "score" }, bar,
    h("span", {}, h("b", {}, one.similarity.toFixed(2)), relevant ? ` ${one.confidence}` : null),
    h("span", { class: "quiet" }, { both: "by words and meaning" }[one.matched_by] ?? `by ${one.matched_by}`));
}

function recommendation({ recommendation: found, named }) {
  const { basis } = found;
  const rests = `${count(basis.similar_executions, "similar execution")}, worth ${basis.effective_n.toFixed(1)}`;
  const content = [];
  const options = found.options.filter((one) => one.executions > 0); // not those known only from other tasks
  if (found.verdict === "evidence" && options.length) {
    content.push(card("Recommended",
      quiet(`From ${rests} by how similar and how old they are; with 90 % intervals.`),
      rates("Expected success rates", "approach", options.map((one) => ({
        label: one.label, rate: one.success_rate, low: one.interval_low, high: one.interval_high,
        ended: one.executions,
      })), { ranked: true }),
      options.filter((one) => one.evidence.length).map((one) => h("div", {},
        h("h3", {}, `${one.label}: ${percent(one.success_rate)}` +
          (one.expected_duration_seconds === null ? "" : `, about ${duration(one.expected_duration_seconds)}`)),
        tasks(one.evidence, named, { outcomes: true })))));
  } else {
    content.push(card("No recommendation",
      quiet(basis.similar_executions ? `From ${rests}: too little to rely on.` : "Nothing similar has ended yet.")));
  }
  if (found.pitfalls.length) {
    content.push(card("Pitfalls: what failed on such tasks", h("ul", { class: "plain spaced" },
      found.pitfalls.map((one) => h("li", {}, task(one.task_id, shorten(one.what_happened, 200)),
        one.fix ? h("p", { class: "lesson" }, `Then worked: ${shorten(one.fix, 200)}`) : null)))));
  }
  return content;
}
