// The token, and requests to the server. The token is in the address, after the #; it is moved to
// this tab's storage at once, and sent with each request as a header.

const KEY = "mcp-learning-token";

/** Thrown when the server refuses the token. */
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

/** The answer to a GET request; empty values are left out of the query. */
export async function getJson(path, values = {}, signal = undefined) {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(values)) {
    if (value !== "" && value !== null && value !== undefined) query.set(name, value);
  }
  return call("GET", `api/${path}${query.size ? `?${query}` : ""}`, undefined, signal);
}

/** Sends a change, and returns the answer. */
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
  try { problem = JSON.parse(text).error ?? problem; } catch { /* plain text */ }
  throw new Error(problem || `the server answered ${response.status}`);
}
