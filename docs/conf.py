"""The documentation site: Sphinx with MyST over the Markdown files as they are."""

import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

project = "MCP Learning"
version = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"]
release = version
extensions = ["myst_parser"]
myst_heading_anchors = 3
exclude_patterns = ["requirements.txt"]
html_theme = "furo"
html_title = f"MCP Learning {version}"
# Links to files of the repository beside the documentation lead nowhere in the site itself.
suppress_warnings = ["myst.xref_missing"]
