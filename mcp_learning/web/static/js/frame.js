// Everything around the panels: the database's path, the theme, and the tabs.

import { redraw } from "./charts.js";
import { h } from "./dom.js";
import { getJson } from "./session.js";
import * as view from "./view.js";

const element = (id) => document.getElementById(id);

/** Shows the database's path and the version. */
export async function about() {
  const { database, version } = await getJson("about");
  element("about").replaceChildren(h("span", { class: "path", title: database }, database), ` · ${version}`);
}

/** Makes the theme selectable, and stores it in this browser. */
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
    } catch { /* without storage it lasts until the page is closed */ }
    redraw();
  });
}

/** Marks the tab of the current panel, and scrolls to it. */
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
