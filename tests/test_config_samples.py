"""The samples in config/: what `install` writes, and manifests that their specifications allow."""

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest

from mcp_learning.clients.install import documents, entries, hook_entries
from mcp_learning.clients.install.agents import AGENTS
from mcp_learning.clients.install.hook_entries import HOOKS
from mcp_learning.server.tools import TOOLS

ROOT = Path(__file__).parent.parent
CONFIG = ROOT / "config"
PLUGIN_DIRECTORY = ROOT / "plugin"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]

SAMPLES = {
    "claude-code": "claude-code.mcp.json",
    "claude-desktop": "claude_desktop_config.json",
    "cursor": "cursor.mcp.json",
    "vscode": "vscode.mcp.json",
    "codex": "codex.config.toml",
    "gemini": "gemini.settings.json",
    "copilot": "copilot.mcp-config.json",
}


def strict(properties: dict[str, Any], *required: str) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(required),
        "additionalProperties": False,
    }


TEXT = {"type": "string", "minLength": 1}
TEXTS = {"type": "array", "items": {"type": "string"}}
VARIABLES = {"type": "object", "additionalProperties": {"type": "string"}}

# From the registry's server.schema.json of 2025-12-11 (modelcontextprotocol/registry): what it
# requires and limits of the parts that a package with stdio needs. Other parts are refused here.
REGISTRY = strict(
    {
        "$schema": {"type": "string", "format": "uri", "pattern": "/2025-12-11/server.schema.json"},
        "name": {
            "type": "string",
            "minLength": 3,
            "maxLength": 200,
            "pattern": "^[a-zA-Z0-9.-]+/[a-zA-Z0-9._-]+$",
        },
        "title": {"type": "string", "minLength": 1, "maxLength": 100},
        "description": {"type": "string", "minLength": 1, "maxLength": 100},
        "version": {"type": "string", "maxLength": 255, "pattern": r"^\d+\.\d+\.\d+$"},
        "packages": {
            "type": "array",
            "minItems": 1,
            "items": strict(
                {
                    "registryType": {"enum": ["npm", "pypi", "oci", "nuget", "mcpb"]},
                    "identifier": TEXT,
                    "version": {**TEXT, "not": {"const": "latest"}},
                    "runtimeHint": TEXT,
                    "transport": strict({"type": {"const": "stdio"}}, "type"),
                    "environmentVariables": {
                        "type": "array",
                        "items": strict(
                            {
                                "name": TEXT,
                                "description": {"type": "string"},
                                "format": {"enum": ["string", "number", "boolean", "filepath"]},
                                "isRequired": {"type": "boolean"},
                                "isSecret": {"type": "boolean"},
                            },
                            "name",
                        ),
                    },
                },
                *("registryType", "identifier", "transport"),
            ),
        },
    },
    *("$schema", "name", "description", "version"),
)

# From mcpb-manifest-v0.4.schema.json (modelcontextprotocol/mcpb), without what isn't used here.
BUNDLE = strict(
    {
        "manifest_version": {"const": "0.4"},
        "name": TEXT,
        "display_name": TEXT,
        "version": TEXT,
        "description": TEXT,
        "author": strict({"name": TEXT, "email": TEXT, "url": TEXT}, "name"),
        "server": strict(
            {
                "type": {"enum": ["python", "node", "binary", "uv"]},
                "entry_point": TEXT,
                "mcp_config": strict({"command": TEXT, "args": TEXTS, "env": VARIABLES}, "command"),
            },
            *("type", "entry_point", "mcp_config"),
        ),
        "tools_generated": {"type": "boolean"},
        "prompts_generated": {"type": "boolean"},
        "keywords": TEXTS,
        "license": TEXT,
        "compatibility": strict(
            {
                "platforms": {"type": "array", "items": {"enum": ["darwin", "win32", "linux"]}},
                "runtimes": strict({"python": TEXT, "node": TEXT}),
            }
        ),
    },
    *("manifest_version", "name", "version", "description", "author", "server"),
)


# From claude-code-plugin-manifest.json (schemastore.org) and Cursor's plugin.schema.json, without
# what isn't used here; Codex and Copilot CLI publish none, and were seen to take the same.
WITHIN = {"type": "string", "pattern": r"^\./"}
PLUGIN = strict(
    {
        "name": {"type": "string", "pattern": "^[a-z][a-z0-9]*(-[a-z0-9]+)*$"},
        "version": TEXT,
        "description": TEXT,
        "author": strict({"name": TEXT}, "name"),
        "license": TEXT,
        "keywords": TEXTS,
        "skills": WITHIN,
        "mcpServers": WITHIN,
        "hooks": WITHIN,
    },
    "name",
)


def test_the_manifests_are_made_from_the_project() -> None:
    command = [sys.executable, "-m", "tools.manifests", "--check"]
    done = subprocess.run(command, cwd=ROOT, check=False)
    assert done.returncode == 0, "run python tools/manifests.py"


@pytest.mark.parametrize(
    ("client", "directory"),
    [
        ("claude-code", ".claude-plugin"),
        ("codex", ".codex-plugin"),
        ("cursor", ".cursor-plugin"),
        ("copilot", ".plugin"),
    ],
)
def test_the_plugin_is_one_for_each_client(client: str, directory: str) -> None:
    value = manifest(f"{directory}/plugin.json", PLUGIN_DIRECTORY)
    jsonschema.validate(value, PLUGIN)
    assert value["version"] == PROJECT["version"]
    (server,) = manifest(value["mcpServers"], PLUGIN_DIRECTORY)["mcpServers"].values()
    assert server["command"] in PROJECT["scripts"]
    hooks = (PLUGIN_DIRECTORY / value["hooks"]).read_text(encoding="utf-8")
    assert json.loads(hooks) == manifest(f"clients/{client}.hooks.json")


def test_the_skill_says_when_it_is_of_use_and_names_tools_that_there_are() -> None:
    text = (PLUGIN_DIRECTORY / "skills" / "learning" / "SKILL.md").read_text(encoding="utf-8")
    _, head, body = text.split("---\n", 2)
    fields = dict(line.split(": ", 1) for line in head.splitlines())
    assert fields["name"] == "learning"
    assert 0 < len(fields["description"]) <= 1_024
    named = set(re.findall(r"`([a-z]+_[a-z_]+)`", body))
    fields_named = {
        "solution_summary",
        "error_message",
        "used_task_ids",
        "task_id",
        "superseded_by",
    }
    assert named - fields_named <= {tool.name for tool in TOOLS}
    assert {"find_similar_tasks", "record_execution"} <= named


@pytest.mark.parametrize(
    "path", [".claude-plugin", ".cursor-plugin", ".agents/plugins"], ids=lambda path: path
)
def test_this_checkout_is_a_marketplace_of_the_plugin(path: str) -> None:
    market = manifest(f"{path}/marketplace.json", ROOT)
    (plugin,) = market["plugins"]
    assert market["name"] == plugin["name"] == PROJECT["name"]
    source = plugin["source"]
    directory = source if isinstance(source, str) else source["path"]
    assert (ROOT / directory).resolve() == PLUGIN_DIRECTORY.resolve()


def manifest(name: str, directory: Path = CONFIG) -> dict[str, Any]:
    value: dict[str, Any] = json.loads((directory / name).read_text(encoding="utf-8"))
    return value


@pytest.mark.parametrize("name", AGENTS)
def test_each_client_sample_is_what_an_install_writes(name: str) -> None:
    agent = AGENTS[name]
    config = entries.with_server({}, agent, agent.entry(["mcp-learning"], {}))
    written = documents.rewrite("", config, toml=agent.toml)
    assert (CONFIG / "clients" / SAMPLES[name]).read_text(encoding="utf-8") == written


@pytest.mark.parametrize("client", HOOKS)
def test_each_sample_of_hooks_is_what_an_install_writes(client: str) -> None:
    command = hook_entries.command_line(["mcp-learning", "hook", client], "linux")
    config = hook_entries.with_hooks({}, HOOKS[client], command)
    written = documents.rewrite("", config, toml=False)
    sample = CONFIG / "clients" / f"{client}.hooks.json"
    assert sample.read_text(encoding="utf-8") == written


def test_the_registry_manifest_is_one_and_names_this_package() -> None:
    value = manifest("registry/server.json")
    jsonschema.validate(value, REGISTRY)
    (package,) = value["packages"]
    assert value["version"] == package["version"] == PROJECT["version"]
    assert package["identifier"] == PROJECT["name"]
    readme = (ROOT / PROJECT["readme"]).read_text(encoding="utf-8")
    assert f"mcp-name: {value['name']} " in readme, (
        "by which the registry knows the package's owner"
    )


def test_the_bundle_manifest_is_one_and_starts_the_command_of_this_package() -> None:
    value = manifest("bundle/manifest.json")
    jsonschema.validate(value, BUNDLE)
    assert value["version"] == PROJECT["version"]
    assert value["compatibility"]["runtimes"]["python"] == PROJECT["requires-python"]
    assert value["license"] == PROJECT["license"]
    assert (ROOT / value["server"]["entry_point"]).is_file()
    assert value["server"]["mcp_config"]["args"][-1] in PROJECT["scripts"]


@pytest.mark.parametrize(
    ("schema", "name", "field"),
    [
        (REGISTRY, "registry/server.json", "name"),
        (REGISTRY, "registry/server.json", "version"),
        (BUNDLE, "bundle/manifest.json", "server"),
        (BUNDLE, "bundle/manifest.json", "author"),
    ],
)
def test_a_manifest_that_lacks_a_field_is_not_valid(
    schema: dict[str, Any], name: str, field: str
) -> None:
    value = manifest(name)
    del value[field]
    with pytest.raises(jsonschema.ValidationError, match=field):
        jsonschema.validate(value, schema)
