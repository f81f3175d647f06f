"""Settings: where they come from, what is refused, and that all are documented."""

import json
import tomllib
from pathlib import Path

import pytest

from mcp_learning.errors import ConfigurationError
from mcp_learning.settings import Settings

ROOT = Path(__file__).parent.parent
SAMPLE = ROOT / "config" / "settings.toml"


def test_every_setting_is_in_the_sample_file_with_its_default() -> None:
    text = SAMPLE.read_text(encoding="utf-8")
    values = tomllib.loads(text)
    for name, field in Settings.model_fields.items():
        if name in values:
            assert values[name] == field.default, name
        else:
            assert f"# {name} = " in text, f"{name} is not in {SAMPLE.name}"
    assert set(values) <= set(Settings.model_fields)


def test_the_sample_file_loads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MCP_LEARNING_CONFIG", str(SAMPLE))
    assert Settings.load().hnsw_min_rows == 200_000


def test_the_environment_wins_over_the_file_and_an_option_over_both(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "config.toml"
    file.write_text('log_level = "ERROR"\nhnsw_min_rows = 7\nmemory_limit_mb = 100\n')
    monkeypatch.setenv("MCP_LEARNING_CONFIG", str(file))
    monkeypatch.setenv("MCP_LEARNING_HNSW_MIN_ROWS", "8")
    settings = Settings.load(memory_limit_mb=128)
    assert (settings.log_level, settings.hnsw_min_rows) == ("ERROR", 8)
    assert settings.memory_limit_mb == 128


@pytest.mark.parametrize(
    ("content", "named"),
    [
        ("hnsw_min_rows = -1\n", "HNSW_MIN_ROWS"),
        ('search_mode = "fast"\n', "SEARCH_MODE"),
        ("colour = 1\n", "colour"),
        ("this is not toml\n", "bad.toml"),
    ],
)
def test_a_wrong_file_is_refused_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str, named: str
) -> None:
    file = tmp_path / "bad.toml"
    file.write_text(content)
    monkeypatch.setenv("MCP_LEARNING_CONFIG", str(file))
    with pytest.raises(ConfigurationError, match=named):
        Settings.load()


def test_a_wrong_environment_variable_is_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MCP_LEARNING_MIN_SIMILARITY", "2")
    with pytest.raises(ConfigurationError, match="MCP_LEARNING_MIN_SIMILARITY"):
        Settings.load()


def test_a_relative_data_directory_becomes_absolute(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MCP_LEARNING_DATA_DIR", "here")
    assert Settings.load().data_dir == tmp_path / "here"


@pytest.mark.parametrize(
    ("name", "servers"),
    [
        ("claude-code.mcp.json", "mcpServers"),
        ("claude_desktop_config.json", "mcpServers"),
        ("cursor.mcp.json", "mcpServers"),
        ("vscode.mcp.json", "servers"),
    ],
)
def test_each_client_sample_starts_the_installed_command(name: str, servers: str) -> None:
    entry = json.loads((ROOT / "config" / "clients" / name).read_text(encoding="utf-8"))[servers][
        "learning"
    ]
    assert (entry["command"], entry["args"]) == ("mcp-learning", [])


def test_the_codex_sample_starts_the_installed_command() -> None:
    text = (ROOT / "config" / "clients" / "codex.config.toml").read_text(encoding="utf-8")
    entry = tomllib.loads(text)["mcp_servers"]["learning"]
    assert (entry["command"], entry["args"]) == ("mcp-learning", [])
