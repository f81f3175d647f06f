"""The one place for configuration: environment `MCP_LEARNING_*`, then a TOML file, then defaults.

The TOML file is `config.toml` in the platform's user configuration directory, or the file that
`MCP_LEARNING_CONFIG` names. `config/settings.toml` documents every field; a test proves it.
"""

import os
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal

import platformdirs
from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from mcp_learning.errors import ConfigurationError

APP_NAME = "mcp-learning"
CONFIG_VARIABLE = "MCP_LEARNING_CONFIG"
DEFAULT_MODEL = "sentence-transformers/all-MiniLM-L6-v2"

LogLevel = Literal["DEBUG", "INFO", "WARNING", "ERROR"]
SearchMode = Literal["auto", "exact", "hnsw"]


def config_file() -> Path:
    """The TOML file that is read, whether or not it exists."""
    named = os.environ.get(CONFIG_VARIABLE)
    return Path(named) if named else platformdirs.user_config_path(APP_NAME) / "config.toml"


class Settings(BaseSettings):
    """Everything that can be configured. Frozen: what a process started with, it keeps."""

    model_config = SettingsConfigDict(
        env_prefix="MCP_LEARNING_", extra="forbid", frozen=True, validate_default=True
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
            description="Least similarity of a match, 0..1; unset: the calibrated 0.41",
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
            description="Repositories of which nothing is stored: owner/name or paths, with * and "
            "?, separated by commas",
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

    @field_validator("data_dir", mode="after")
    @classmethod
    def _absolute(cls, value: Path) -> Path:
        return value.expanduser().absolute()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments first, then the environment, then the TOML file; no .env file."""
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls, config_file())

    @classmethod
    def load(cls, **overrides: Any) -> "Settings":
        """Reads the environment and the file; `overrides` (not None) win over both.

        Raises:
            ConfigurationError: A value is wrong or unknown, or the TOML file can't be read.
        """
        try:
            return cls(**{name: value for name, value in overrides.items() if value is not None})
        except ValidationError as error:
            raise ConfigurationError(_explain(error)) from error
        except (OSError, ValueError) as error:
            raise ConfigurationError(f"{config_file()}: can't be read as TOML: {error}") from error

    @cached_property
    def database_path(self) -> Path:
        """The truth: a DuckDB file."""
        return self.data_dir / "learning.duckdb"

    @cached_property
    def index_dir(self) -> Path:
        """Derived indexes; may be deleted at any time."""
        return self.data_dir / "index"

    @cached_property
    def backup_dir(self) -> Path:
        """Backups without a place of their own, and databases that were replaced."""
        return self.data_dir / "backups"

    @cached_property
    def archive_dir(self) -> Path:
        """Parquet files with executions that were pruned."""
        return self.data_dir / "archive"

    @cached_property
    def model_dir(self) -> Path:
        """Downloaded embedding models; may be deleted at any time."""
        return self.data_dir / "models"


def _explain(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_context=False)[0]
    name = ".".join(str(part) for part in first["loc"]) or "settings"
    if first["type"] == "extra_forbidden":
        return f"{name}: no such setting; remove it from {config_file()}"
    return f"MCP_LEARNING_{name.upper()}: {first['msg']} (from the environment or {config_file()})"
