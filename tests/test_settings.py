"""Settings: where they come from, what is refused, and that all are documented."""

import json
import os
import re
import tomllib
from pathlib import Path

import pytest

from mcp_learning.clients import hook_paths
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


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("LOG_LEVEL", "loud", "LOG_LEVEL: must be 'DEBUG', 'INFO', 'WARNING' or 'ERROR' (from"),
        ("RETENTION_DAYS", "3", "RETENTION_DAYS: must be greater than or equal to 7 (from"),
        ("MEMORY_LIMIT_MB", "many", "MEMORY_LIMIT_MB: must be a valid integer (from"),
    ],
)
def test_what_a_value_has_to_be_is_told_in_plain_words(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, said: str
) -> None:
    monkeypatch.setenv(f"MCP_LEARNING_{name}", value)
    with pytest.raises(ConfigurationError, match=re.escape(said)):
        Settings.load()


def test_a_short_token_is_refused_and_not_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MCP_LEARNING_HTTP_TOKEN", "opensesame")
    with pytest.raises(ConfigurationError) as refused:
        Settings.load()
    assert "MCP_LEARNING_HTTP_TOKEN: give at least 16 characters" in str(refused.value)
    assert "opensesame" not in str(refused.value)


def test_a_relative_data_directory_becomes_absolute(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MCP_LEARNING_DATA_DIR", "here")
    assert Settings.load().data_dir == tmp_path / "here"


@pytest.mark.parametrize("empty", ["", "  "])
def test_an_empty_value_counts_as_unset(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, empty: str
) -> None:
    file = tmp_path / "empty.toml"
    file.write_text(f'hnsw_min_rows = 7\nlog_level = "{empty}"\ndata_dir = "{empty}"\n')
    for name in Settings.model_fields:
        monkeypatch.setenv(f"MCP_LEARNING_{name.upper()}", empty)
    monkeypatch.setenv("MCP_LEARNING_CONFIG", str(file))
    settings = Settings.load()
    defaults = {name: field.default for name, field in Settings.model_fields.items()}
    assert settings.model_dump() == {**defaults, "hnsw_min_rows": 7}
    monkeypatch.setenv("MCP_LEARNING_CONFIG", empty)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert Settings.load().model_dump() == defaults


@pytest.mark.parametrize("where", ["environment", "file", "option"])
@pytest.mark.parametrize(
    ("given", "meant"),
    [("~/x", "home/x"), ("$BASE/x", "x"), (" ${BASE}/x ", "x"), ("$BASE/$$/%41", "$$/%41")],
)
def test_home_and_variables_are_expanded_in_the_data_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str, given: str, meant: str
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("BASE", str(tmp_path))
    assert data_dir(tmp_path, monkeypatch, where, given) == tmp_path / meant


UNUSABLE = [
    ("${user_config.data_dir}", r"\$\{user_config\.data_dir\} was not replaced"),
    ("$NO_SUCH/x", r"\$NO_SUCH was not replaced"),
    ("$EMPTY/x", r"\$EMPTY was not replaced"),
    ("${env:HOME}/x", r"\$\{env:HOME\} was not replaced"),
    ("${HOME:-/x}", r"was not replaced"),
    ("{{data_dir}}", r"\{\{data_dir\}\} was not replaced"),
    ("%NO_SUCH%/x", "%NO_SUCH% was not replaced"),
    ("~no-such-user/x", "no home directory"),
    ("s3://bucket/x", "is an address"),
    ("/tmp/a?b", r"has a \? in it"),
    ("/tmp/a\nb", r"control character '\\n'"),
    ("/tmp/\udcff", "is not UTF-8"),
]


@pytest.mark.parametrize("where", ["environment", "option"])
@pytest.mark.parametrize(("given", "problem"), UNUSABLE)
def test_a_data_directory_that_can_t_be_meant_is_refused_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str, given: str, problem: str
) -> None:
    monkeypatch.setenv("EMPTY", "")
    with pytest.raises(ConfigurationError, match=f"MCP_LEARNING_DATA_DIR: .*{problem}"):
        data_dir(tmp_path, monkeypatch, where, given)


def test_a_null_character_in_the_file_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ConfigurationError, match=r"control character '\\x00'"):
        data_dir(tmp_path, monkeypatch, "file", "/tmp/a\\u0000")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("HTTP_TOKEN", "${user_config.token}"),
        ("HTTP_TOKEN", "$THE_TOKEN_OF_THE_SERVER"),
        ("EXCLUDED_REPOS", "acme/payroll, $NO_SUCH/clients/*"),
        ("EMBEDDING_MODEL", "${MODEL}"),
        ("LOG_LEVEL", "${user_config.level}"),
        ("HNSW_MIN_ROWS", "${user_config.rows}"),
        ("CONFIG", "${user_config.file}"),
    ],
)
def test_a_placeholder_in_any_setting_is_refused_by_name(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(f"MCP_LEARNING_{name}", value)
    with pytest.raises(ConfigurationError, match=rf"MCP_LEARNING_{name}: \$\S+ was not replaced"):
        Settings.load()


def test_variables_are_expanded_in_excluded_repositories(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BASE", "/base")
    monkeypatch.setenv("MCP_LEARNING_EXCLUDED_REPOS", "a/b, $BASE/clients/*")
    assert Settings.load().excluded_repos == "a/b, /base/clients/*"


def test_a_choice_may_be_written_in_small_letters_or_capitals(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MCP_LEARNING_LOG_LEVEL", "info")
    monkeypatch.setenv("MCP_LEARNING_SEARCH_MODE", "EXACT")
    settings = Settings.load()
    assert (settings.log_level, settings.search_mode) == ("INFO", "exact")


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("MCP_LEARNING_DATADIR", "did you mean MCP_LEARNING_DATA_DIR?"),
        ("mcp_learning_loglevel", "did you mean MCP_LEARNING_LOG_LEVEL?"),
        ("MCP_LEARNING_EXCLUDE_REPOS", "did you mean MCP_LEARNING_EXCLUDED_REPOS?"),
        ("MCP_LEARNING_CONFIG_FILE", "did you mean MCP_LEARNING_CONFIG?"),
        ("MCP_LEARNING_XYZ", "unset it"),
    ],
)
def test_a_misspelt_variable_is_refused_with_the_one_that_may_be_meant(
    monkeypatch: pytest.MonkeyPatch, name: str, hint: str
) -> None:
    monkeypatch.setenv(name, "x")
    with pytest.raises(ConfigurationError) as refused:
        Settings.load()
    assert f"{name.upper()}: there is no such setting; {hint}" in str(refused.value)


def test_a_misspelt_name_in_the_file_is_refused_with_the_one_that_may_be_meant(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "misspelt.toml"
    file.write_text('exclude_repos = "acme/payroll"\n')
    monkeypatch.setenv("MCP_LEARNING_CONFIG", str(file))
    with pytest.raises(ConfigurationError, match="did you mean excluded_repos"):
        Settings.load()


def test_a_settings_file_that_is_named_has_to_exist(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "learning.toml").write_text("hnsw_min_rows = 7\n")
    monkeypatch.setenv("MCP_LEARNING_CONFIG", str(tmp_path / "leaning.toml"))
    with pytest.raises(ConfigurationError, match=r"no file .*leaning.*mean learning\.toml\?"):
        Settings.load()
    monkeypatch.setenv("MCP_LEARNING_CONFIG", str(tmp_path))
    with pytest.raises(ConfigurationError, match="is a directory"):
        Settings.load()
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("MCP_LEARNING_CONFIG", "~/learning.toml")
    assert Settings.load().hnsw_min_rows == 7
    monkeypatch.setenv("MCP_LEARNING_CONFIG", os.devnull)
    assert Settings.load().hnsw_min_rows == 200_000


def data_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str, given: str) -> Path:
    """The data directory that is given so, which is the same for settings and for hooks."""
    option = None
    monkeypatch.delenv("MCP_LEARNING_DATA_DIR")
    if where == "environment":
        monkeypatch.setenv("MCP_LEARNING_DATA_DIR", given)
    elif where == "file":
        file = tmp_path / "config.toml"
        file.write_text(f'data_dir = "{given}"\n')
        monkeypatch.setenv("MCP_LEARNING_CONFIG", str(file))
    else:
        option = given
    found = Settings.load(data_dir=option and Path(option)).data_dir
    assert hook_paths.data_directory(option) == found
    return found


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
