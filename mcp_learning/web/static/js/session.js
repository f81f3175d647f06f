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
  const address = `api/${path}${query.size ? `?${query}` : ""}`;
  const headers = { Authorization: `Bearer ${sessionStorage.getItem(KEY) ?? ""}` };
  const response = await fetch(address, { headers, signal, cache: "no-store" });
  if (response.status === 401) throw new Refused();
  const body = await response.json();
  if (!response.ok) throw new Error(body.error ?? `the server answered ${response.status}`);
  return body;
}
