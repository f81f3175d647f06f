// The theme that was chosen, before anything is painted: so this is no module, which would come late.

"use strict";
try {
  const theme = localStorage.getItem("mcp-learning-theme");
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
} catch { /* a browser that stores nothing follows the system */ }
