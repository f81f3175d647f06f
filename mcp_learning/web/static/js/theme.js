// Applies the chosen theme before anything is painted; a module would be run too late for that.

"use strict";
try {
  const theme = localStorage.getItem("mcp-learning-theme");
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
} catch { /* without storage the system's theme is used */ }
