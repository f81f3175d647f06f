// What a list shows, as a file: its filters, its order and its columns.

import { h } from "./dom.js";
import { COLUMNS } from "./runs.js";
import { ask } from "./session.js";

const PAGE = 1000;
const MOST = 10_000; // rows of a file: the page holds them in memory

/** Saves the executions that a question finds, as "csv" or "json"; tells how many of how many. */
export async function save(format, question, columns) {
  const fields = ["task_id", ...columns.map((name) => COLUMNS[name].field ?? name)];
  const rows = [];
  let total = 0;
  do {
    const page = await ask("executions", { ...question, limit: PAGE, offset: rows.length });
    total = page.total;
    if (!page.executions.length) break;
    rows.push(...page.executions.map((one) => Object.fromEntries(fields.map((name) => [name, one[name] ?? null]))));
  } while (rows.length < Math.min(total, MOST));
  const text = format === "csv" ? csv(fields, rows) : `${JSON.stringify(rows, null, 2)}\n`;
  const type = format === "csv" ? "text/csv;charset=utf-8" : "application/json";
  const address = URL.createObjectURL(new Blob([text], { type }));
  h("a", { href: address, download: `executions.${format}` }).click();
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
  return { rows: rows.length, total };
}

function csv(fields, rows) {
  return [fields, ...rows.map((one) => fields.map((name) => one[name]))]
    .map((cells) => cells.map(cell).join(",")).join("\r\n") + "\r\n";
}

/** A cell; a text that a spreadsheet would compute is marked as a text. */
function cell(value) {
  if (value === null) return "";
  if (typeof value === "number") return String(value);
  const text = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
