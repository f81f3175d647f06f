"""Writes the manifests by which the package is published, from pyproject.toml.

python tools/manifests.py             rewrites them
python tools/manifests.py --check     exits 1 if one is not what pyproject.toml says
python tools/manifests.py --validate  downloads the current schemas and validates them
"""

import json
import sys
import tomllib
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from mcp_learning.clients.install import hook_entries
from mcp_learning.clients.install.agents import AGENTS, NAME
from mcp_learning.clients.install.hook_entries import HOOKS

ROOT = Path(__file__).resolve().parent.parent
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PROJECT = PYPROJECT["project"]
NAMESPACE = PYPROJECT["tool"]["publishing"]["namespace"]

TITLE = "MCP Learning"
DESCRIPTION = (
    "A learning database for AI agents: remembers what worked, what failed and why. Offline."
)
AUTHOR = {"name": "The MCP Learning authors"}


PLUGIN = "plugin"
"""The directory of the plugin, from the root; its skill is written by hand."""


class Manifest(NamedTuple):
    """A manifest.

    Attributes:
        path: Of its file, from the root.
        schema: Where its current schema is; empty if none is published.
        value: What it holds.
    """

    path: str
    schema: str
    value: dict[str, Any]


def manifests() -> list[Manifest]:
    """All of them."""
    registry = _registry()
    bundle = "https://raw.githubusercontent.com/modelcontextprotocol/mcpb/main/schemas"
    return [
        Manifest("config/registry/server.json", registry["$schema"], registry),
        Manifest(
            "config/bundle/manifest.json", f"{bundle}/mcpb-manifest-v0.4.schema.json", _bundle()
        ),
        *_plugin_manifests("https://www.schemastore.org"),
    ]


def main() -> int:
    """Writes, compares or validates them."""
    if "--validate" in sys.argv:
        return int(sum(_is_refused(one) for one in manifests() if one.schema) > 0)
    differing = list(_differing())
    if "--check" in sys.argv:
        return int(bool(differing))
    for one in differing:
        (ROOT / one.path).parent.mkdir(parents=True, exist_ok=True)
        (ROOT / one.path).write_text(_text(one), encoding="utf-8")
    return 0


def _differing() -> Iterator[Manifest]:
    for one in manifests():
        path = ROOT / one.path
        if not path.exists() or path.read_text(encoding="utf-8") != _text(one):
            yield one


def _text(manifest: Manifest) -> str:
    return json.dumps(manifest.value, indent=2) + "\n"


def _is_refused(manifest: Manifest) -> bool:
    """Whether the current schema refuses what the file holds; says why."""
    import jsonschema  # type: ignore[import-untyped]

    try:
        with urllib.request.urlopen(manifest.schema, timeout=30) as answer:
            schema = json.load(answer)
    except OSError as unreachable:
        print(f"{manifest.path}: not validated; {manifest.schema} can't be fetched ({unreachable})")
        return True
    value = json.loads((ROOT / manifest.path).read_text(encoding="utf-8"))
    errors = list(jsonschema.validators.validator_for(schema)(schema).iter_errors(value))
    for error in errors:
        print(f"{manifest.path}: {error.json_path}: {error.message}")
    print(f"{manifest.path}: {'refused' if errors else 'valid'} ({manifest.schema})")
    return bool(errors)


def _registry() -> dict[str, Any]:
    return {
        "$schema": "https://static.modelcontextprotocol.io/schemas/2025-12-11/server.schema.json",
        "name": f"{NAMESPACE}/{PROJECT['name']}",
        "title": TITLE,
        "description": DESCRIPTION,
        "version": PROJECT["version"],
        "packages": [
            {
                "registryType": "pypi",
                "identifier": PROJECT["name"],
                "version": PROJECT["version"],
                "runtimeHint": "uvx",
                "transport": {"type": "stdio"},
                "environmentVariables": [
                    {
                        "name": "MCP_LEARNING_DATA_DIR",
                        "description": "Directory of the database and its indexes; default: the "
                        "platform's user data directory",
                        "format": "filepath",
                        "isRequired": False,
                        "isSecret": False,
                    }
                ],
            }
        ],
    }


def _bundle() -> dict[str, Any]:
    return {
        "manifest_version": "0.4",
        "name": PROJECT["name"],
        "display_name": TITLE,
        "version": PROJECT["version"],
        "description": DESCRIPTION,
        "author": AUTHOR,
        "server": {
            "type": "uv",
            "entry_point": "mcp_learning/__main__.py",
            "mcp_config": {
                "command": "uv",
                "args": ["run", "--no-dev", "--directory", "${__dirname}", PROJECT["name"]],
                "env": {},
            },
        },
        "tools_generated": True,
        "prompts_generated": True,
        "keywords": ["agents", "memory", "learning"],
        "license": PROJECT["license"],
        "compatibility": {
            "platforms": ["darwin", "linux", "win32"],
            "runtimes": {"python": PROJECT["requires-python"]},
        },
    }


def _plugin_manifests(schemas: str) -> Iterator[Manifest]:
    """The plugin for each client that takes plugins, and the marketplaces that offer it."""
    cursor = "https://raw.githubusercontent.com/cursor/plugins/main/schemas"
    servers = {"mcpServers": {NAME: AGENTS["claude-desktop"].entry([PROJECT["name"]], {})}}
    yield Manifest(f"{PLUGIN}/.mcp.json", "", servers)
    for client, directory, schema in (
        ("claude-code", ".claude-plugin", f"{schemas}/claude-code-plugin-manifest.json"),
        ("codex", ".codex-plugin", ""),
        ("cursor", ".cursor-plugin", f"{cursor}/plugin.schema.json"),
        ("copilot", ".plugin", ""),
    ):
        hooks = HOOKS[client]
        command = hook_entries.command_line([PROJECT["name"], "hook", client], "linux")
        yield Manifest(
            f"{PLUGIN}/hooks/{client}.json",
            f"{schemas}/codex-hooks.json" if client == "codex" else "",
            hook_entries.with_hooks({}, hooks, command),
        )
        yield Manifest(f"{PLUGIN}/{directory}/plugin.json", schema, _plugin(client))
    entry = {"name": PROJECT["name"], "description": DESCRIPTION}
    market = {"name": PROJECT["name"], "owner": AUTHOR, "metadata": {"description": DESCRIPTION}}
    version = {"version": PROJECT["version"]}
    yield Manifest(
        ".claude-plugin/marketplace.json",
        f"{schemas}/claude-code-marketplace.json",
        market | {"plugins": [entry | version | {"source": f"./{PLUGIN}"}]},
    )
    yield Manifest(
        ".cursor-plugin/marketplace.json",
        "",
        market | {"plugins": [entry | {"source": f"./{PLUGIN}"}]},
    )
    yield Manifest(".agents/plugins/marketplace.json", "", _codex_marketplace())


def _plugin(client: str) -> dict[str, Any]:
    """The server, the hooks that `install --hooks` writes, and a skill that says when to use it."""
    return {
        "name": PROJECT["name"],
        "version": PROJECT["version"],
        "description": DESCRIPTION,
        "author": AUTHOR,
        "license": PROJECT["license"],
        "keywords": ["agents", "memory", "learning"],
        "skills": "./skills/",
        "mcpServers": "./.mcp.json",
        "hooks": f"./hooks/{client}.json",
    }


def _codex_marketplace() -> dict[str, Any]:
    return {
        "name": PROJECT["name"],
        "interface": {"displayName": TITLE},
        "plugins": [
            {
                "name": PROJECT["name"],
                "source": {"source": "local", "path": f"./{PLUGIN}"},
                "policy": {"installation": "AVAILABLE", "authentication": "ON_INSTALL"},
                "category": "Productivity",
            }
        ],
    }


if __name__ == "__main__":
    sys.exit(main())
