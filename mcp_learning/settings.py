"""The one place for configuration: environment `MCP_LEARNING_*`, then a TOML file, then defaults.

The TOML file is `config.toml` in the platform's user configuration directory, or the file that
`MCP_LEARNING_CONFIG` names. `config/settings.toml` documents every field; a test proves it.
"""

import os
from collections.abc import Collection
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal

import platformdirs
from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator

from mcp_learning import environment
from mcp_learning.environment import CONFIG_VARIABLE, PREFIX
from mcp_learning.errors import ConfigurationError

APP_NAME = "mcp-learning"
DEFAULT_MODEL = "sentence-transformers/all-MiniLM-L6-v2"

LogLevel = Literal["DEBUG", "INFO", "WARNING", "ERROR"]
SearchMode = Literal["auto", "exact", "hnsw"]
TeamAck = Literal["local", "team"]
TeamReplica = Literal["all", "own", "none"]


def config_file() -> Path:
    """The TOML file: the one that the environment names, else the default, which may not exist.

    Raises:
        ConfigurationError: The environment names one that doesn't exist.
    """
    try:
        named = environment.config_file()
    except ValueError as error:
        raise ConfigurationError(f"{CONFIG_VARIABLE}: {error}") from error
    return named or platformdirs.user_config_path(APP_NAME) / "config.toml"


def _configured() -> dict[str, Any]:
    """What the environment and the TOML file set, without empty values; the environment wins."""
    path = config_file()
    found: dict[str, Any] = {}
    if path.is_file():
        import tomllib  # takes 2 ms, and few users have such a file

        found = tomllib.loads(path.read_text(encoding="utf-8"))
    given = {name.upper(): value for name, value in os.environ.items()}
    given.pop(CONFIG_VARIABLE, None)
    for name, value in given.items():
        if name.startswith(PREFIX) and not environment.is_empty(value):
            found[name.removeprefix(PREFIX).lower()] = value
    return {name: value for name, value in found.items() if not environment.is_empty(value)}


class Settings(BaseModel):
    """All settings. Frozen: a process keeps those that it started with."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        validate_default=True,
        hide_input_in_errors=True,
    )

    data_dir: Annotated[
        Path,
        Field(description="Directory of the database and its indexes; made, private, if absent"),
    ] = platformdirs.user_data_path(APP_NAME)
    embedding_model: Annotated[
        str,
        Field(
            min_length=1,
            description="Name of a fastembed text model; the default is bundled: no download",
        ),
    ] = DEFAULT_MODEL
    embedding_threads: Annotated[
        int,
        Field(
            ge=0,
            le=256,
            description="Texts embedded at once, 0..256; 0: one per CPU, at most 4",
        ),
    ] = 0
    search_mode: Annotated[
        SearchMode,
        Field(
            description="exact: compare all; hnsw: the index when there is one; auto: the index "
            "from hnsw_min_rows on, where it was measured to be faster"
        ),
    ] = "auto"
    hnsw_min_rows: Annotated[
        int,
        Field(ge=0, description="Executions from which auto builds and uses an HNSW index"),
    ] = 200_000
    hnsw_ef_search: Annotated[
        int,
        Field(
            ge=1,
            le=10_000,
            description="Candidates an HNSW search keeps, 1..10000; more: better recall, slower",
        ),
    ] = 128
    min_similarity: Annotated[
        float | None,
        Field(
            ge=0.0,
            le=1.0,
            description="Least similarity of a match, 0..1; unset: relevance decides",
        ),
    ] = None
    evidence_half_life_days: Annotated[
        float,
        Field(
            gt=0,
            le=36_500,
            description="Age at which an execution counts half in recommendations, in days",
        ),
    ] = 90.0
    excluded_repos: Annotated[
        str,
        Field(
            description="Repositories of which nothing is stored: owner/name, addresses or "
            "directories, with * and ?, separated by commas",
        ),
    ] = ""
    retention_days: Annotated[
        int | None,
        Field(
            ge=7,
            le=3_650,
            description="Age at which executions are archived and forgotten, in days, 7..3650; "
            "unset: never",
        ),
    ] = None
    retention_max_mb: Annotated[
        int | None,
        Field(
            ge=10,
            description="Size, in MB (2^20 bytes), at least 10, that the database is kept to: the "
            "oldest executions are archived and forgotten; unset: any",
        ),
    ] = None
    team: Annotated[
        str,
        Field(max_length=63, description="Team whose store is shared; unset: nothing is shared"),
    ] = ""
    team_url: Annotated[
        SecretStr | None,
        Field(
            description="Its PostgreSQL, postgresql://role@host/database, or a file that holds it; "
            "unset: what PGSERVICE names, if `team` is set",
        ),
    ] = None
    team_ack: Annotated[
        TeamAck,
        Field(
            description="local: a record is acknowledged when it is durable here; team: when the "
            "team has it"
        ),
    ] = "local"
    team_repos: Annotated[
        str,
        Field(
            description="Repositories that are shared with the team, written as in "
            "excluded_repos; no other is",
        ),
    ] = ""
    team_private: Annotated[
        str,
        Field(
            description="Repositories that are shared with the hosts of this role alone, written "
            "as in excluded_repos",
        ),
    ] = ""
    team_replica: Annotated[
        TeamReplica,
        Field(
            description="What this host holds of the team's executions: all; own: what its role "
            "recorded; none. The rest is searched in the team's store"
        ),
    ] = "all"
    team_replica_max_rows: Annotated[
        int,
        Field(
            ge=1,
            description="Executions of the team that this host holds at most, those that were "
            "changed or found last",
        ),
    ] = 1_000_000
    team_replica_days: Annotated[
        int | None,
        Field(
            ge=1,
            le=36_500,
            description="Age up to which this host holds executions of the team, in days; "
            "unset: any",
        ),
    ] = None
    memory_limit_mb: Annotated[
        int,
        Field(ge=64, description="Memory that DuckDB may use for its buffers, in MB (2^20 bytes)"),
    ] = 256
    http_token: Annotated[
        SecretStr | None,
        Field(
            min_length=16,
            description="Bearer token that `serve --http` and `dashboard` require, at least 16 "
            "characters; unset: one is made where it is needed",
        ),
    ] = None
    log_level: Annotated[LogLevel, Field(description="Lowest level written to stderr")] = "INFO"

    @field_validator("*", mode="before")
    @classmethod
    def _without_placeholder(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        environment.refuse_placeholder(value.strip())
        return value.strip()

    @field_validator("data_dir", mode="before")
    @classmethod
    def _directory(cls, value: object) -> object:
        return environment.data_directory(value) if isinstance(value, str | Path) else value

    @field_validator("excluded_repos", "team_repos", "team_private", mode="before")
    @classmethod
    def _expanded(cls, value: object) -> object:
        return environment.expanded(value) if isinstance(value, str) else value

    @field_validator("log_level", mode="before")
    @classmethod
    def _in_capitals(cls, value: object) -> object:
        return value.upper() if isinstance(value, str) else value

    @field_validator("search_mode", "team_ack", "team_replica", mode="before")
    @classmethod
    def _in_small_letters(cls, value: object) -> object:
        return value.lower() if isinstance(value, str) else value

    @property
    def shares(self) -> bool:
        """Whether executions are exchanged with a team."""
        return bool(self.team) and (self.team_url is not None or environment.names_a_service())

    @classmethod
    def load(cls, **overrides: Any) -> "Settings":
        """Reads the environment and the file; `overrides` (not None) win over both.

        Raises:
            ConfigurationError: A value is wrong, a name is unknown, or the TOML file can't be read.
        """
        given = {name: value for name, value in overrides.items() if value is not None}
        try:
            environment.refuse_unknown_variables(cls.model_fields)
        except ValueError as error:
            raise ConfigurationError(str(error)) from error
        try:
            settings = cls.model_validate(_configured() | given)
        except ValidationError as error:
            raise ConfigurationError(_explain(error, given)) from error
        except (OSError, ValueError) as error:
            raise ConfigurationError(f"{config_file()}: can't be read as TOML: {error}") from error
        if settings.team_url is not None and not settings.team:
            raise ConfigurationError(f"{PREFIX}TEAM: {PREFIX}TEAM_URL is set, so name the team")
        return settings

    @cached_property
    def database_path(self) -> Path:
        """The DuckDB file that holds everything that was recorded."""
        return self.data_dir / "learning.duckdb"

    @cached_property
    def index_dir(self) -> Path:
        """Derived indexes; may be deleted at any time."""
        return self.data_dir / "index"

    @cached_property
    def backup_dir(self) -> Path:
        """Backups for which no path was given, and databases that were replaced."""
        return self.data_dir / "backups"

    @cached_property
    def archive_dir(self) -> Path:
        """Parquet files with executions that were pruned."""
        return self.data_dir / "archive"

    @cached_property
    def model_dir(self) -> Path:
        """Downloaded embedding models; may be deleted at any time."""
        return self.data_dir / "models"


def _explain(error: ValidationError, given: Collection[str]) -> str:
    first = error.errors(include_url=False)[0]
    name = ".".join(str(part) for part in first["loc"]) or "settings"
    if first["type"] == "extra_forbidden":
        hint = environment.did_you_mean(name, Settings.model_fields)
        return f"{name}: no such setting{hint or '; remove it'} (in {config_file()})"
    problem = first["msg"].removeprefix("Value error, ").replace("Input should be", "must be")
    problem = problem.partition(", unable to parse")[0]
    if first["type"] == "too_short":  # pydantic counts "items" of a secret
        problem = f"give at least {first['ctx']['min_length']} characters"
    source = "given" if name in given else f"from the environment or {config_file()}"
    return f"{PREFIX}{name.upper()}: {problem} ({source})"
