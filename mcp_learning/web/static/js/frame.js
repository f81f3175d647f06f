// What is around the panels: which database this is, the theme, and the tabs.

import { redraw } from "./charts.js";
import { h } from "./dom.js";
import { ask } from "./session.js";
import * as view from "./view.js";

const element = (id) => document.getElementById(id);

/** Says which database and which version is shown. */
export async function about() {
  const { database, version } = await ask("about");
  element("about").replaceChildren(h("span", { class: "path", title: database }, database), ` · ${version}`);
}

/** Lets the theme be chosen, and keeps it for this browser. */
export function listen() {
  const choice = element("theme");
  const root = document.documentElement;
  choice.value = root.dataset.theme ?? "";
  choice.addEventListener("change", () => {
    if (choice.value) root.dataset.theme = choice.value;
    else delete root.dataset.theme;
    try {
      if (choice.value) localStorage.setItem("mcp-learning-theme", choice.value);
      else localStorage.removeItem("mcp-learning-theme");
    } catch { /* it holds until the page is closed */ }
    redraw();
  });
}

/** Marks the panel that is shown, and moves its tab to where it can be seen. */
export function mark(panels, name) {
  const bar = element("tabs");
  const focused = document.activeElement?.id;
  bar.replaceChildren(...Object.entries(panels).map(([key, { title }]) =>
    view.link({ panel: key, task: "" }, title, { id: `tab-${key}`, "aria-current": key === name ? "page" : null })));
  if (focused?.startsWith("tab-")) element(focused)?.focus();
  const { offsetLeft, offsetWidth } = element(`tab-${name}`);
  bar.scrollLeft = offsetLeft - (bar.clientWidth - offsetWidth) / 2;
  document.title = `${panels[name].title} · mcp-learning dashboard`;
}
