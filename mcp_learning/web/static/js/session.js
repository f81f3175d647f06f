// The token, and questions to the server. The token comes in the address, behind the #, is moved to
// this tab's storage at once, and goes with each question as a header.

const KEY = "mcp-learning-token";

/** Raised when the server doesn't know the token. */
export class Refused extends Error {}

export function takeToken() {
  const given = new URLSearchParams(location.hash.slice(1)).get("token");
  if (given === null) return;
  sessionStorage.setItem(KEY, given);
  history.replaceState(null, "", location.pathname + location.search);
}

export function keepToken(token) {
  sessionStorage.setItem(KEY, token.trim());
}

/** The answer to a question; values that are empty are left out of it. */
export async function ask(path, values = {}, signal = undefined) {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(values)) {
    if (value !== "" && value !== null && value !== undefined) query.set(name, value);
  }
  return call("GET", `api/${path}${query.size ? `?${query}` : ""}`, undefined, signal);
}

/** Writes something, and returns the answer. */
export function send(method, path, body) {
  return call(method, `api/${path}`, JSON.stringify(body));
}

async function call(method, address, body, signal = undefined) {
  const headers = { Authorization: `Bearer ${sessionStorage.getItem(KEY) ?? ""}` };
  const response = await fetch(address, { method, headers, body, signal, cache: "no-store" });
  if (response.status === 401) throw new Refused();
  const text = await response.text();
  if (response.ok) return JSON.parse(text);
  let problem = text.trim();
  try { problem = JSON.parse(text).error ?? problem; } catch { /* it was said in words */ }
  throw new Error(problem || `the server answered ${response.status}`);
}
