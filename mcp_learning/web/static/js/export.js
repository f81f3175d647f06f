// Saves a list as a file, with its filters, order and columns.

import { h } from "./dom.js";
import { COLUMNS } from "./runs.js";
import { getJson } from "./session.js";

const PAGE = 1000;
const MOST = 10_000; // rows of a file, which are held in memory

/** Saves the executions that match as "csv" or "json"; returns the number of rows saved, and the total. */
export async function save(format, parameters, columns) {
  const fields = ["task_id", ...columns.map((name) => COLUMNS[name].field ?? name)];
  const rows = [];
  let total = 0;
  do {
    const page = await getJson("executions", { ...parameters, limit: PAGE, offset: rows.length });
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

/** A cell; a text that a spreadsheet would read as a formula is escaped with an apostrophe. */
function cell(value) {
  if (value === null) return "";
  if (typeof value === "number") return String(value);
  const text = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
