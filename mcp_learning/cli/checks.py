"""The checks of `doctor`, each based on those before.

None creates or changes the user's database: creating one is tested in a temporary directory.
"""

import os
import platform
import re
import shlex
import shutil
import stat
import subprocess
import sys
import tempfile
from importlib.metadata import version as installed_version
from pathlib import Path

import anyio

from mcp_learning import __version__, errors
from mcp_learning.cli.check_runner import Check, CheckContext, CheckFailed, Facts
from mcp_learning.cli.output import describe_index
from mcp_learning.cli.smoke_test import PARAPHRASE, TASK, round_trip
from mcp_learning.cluster.connect import leader_health
from mcp_learning.embed.embedder import Embedder
from mcp_learning.embed.models import BUNDLED_MODEL
from mcp_learning.embed.recipe import embedding_text
from mcp_learning.environment import PREFIX, nearest_existing
from mcp_learning.models.health import Health, Member
from mcp_learning.models.team import TeamHealth
from mcp_learning.models.wording import counted
from mcp_learning.service import index_state
from mcp_learning.settings import Settings, config_file
from mcp_learning.store.duckdb import inspection
from mcp_learning.store.duckdb.copies import examine
from mcp_learning.store.duckdb.inspection import Summary
from mcp_learning.store.duckdb.migrations import newest as newest_schema

_LEAST_FREE_MB = 100  # least free space on the disk, in MB of 2^20 bytes
_PYTHONS = ((3, 11), (3, 12), (3, 13))
_SET_DATA_DIR = "set MCP_LEARNING_DATA_DIR to a directory that you may write to"
_UPDATE_PACKAGE = "pip install --upgrade mcp-learning"
_USE_BUNDLED = "unset MCP_LEARNING_EMBEDDING_MODEL, which takes the bundled model"
_UNRELATED = "paint the garden fence green"


def python(_: CheckContext) -> Facts:
    """The package is tested with this version of Python."""
    detail = f"{platform.python_version()}, mcp-learning {__version__}"
    if sys.version_info[:2] not in _PYTHONS:
        raise CheckFailed(detail, "install mcp-learning with Python 3.11, 3.12 or 3.13")
    return Facts(detail)


def settings(context: CheckContext) -> Facts:
    """The environment and the settings file are valid."""
    try:
        context.settings = Settings.load(data_dir=context.data_dir)
    except errors.ConfigurationError as error:
        raise CheckFailed(str(error), "correct it where it is set") from error
    file = config_file()
    detail = f"read from {file}" if file.exists() else f"defaults (there is no {file})"
    if given := sorted(name for name in os.environ if name.startswith(PREFIX)):
        detail += f", then {', '.join(given)}"
    return Facts(detail)


def data_directory(context: CheckContext) -> Facts:
    """The data directory exists or can be created, and is writable."""
    path = context.settings.data_dir
    try:
        existing = nearest_existing(path)
        if not existing.is_dir():
            raise CheckFailed(f"{path} can't be made: {existing} is not a directory", _SET_DATA_DIR)
        with tempfile.TemporaryFile(dir=existing):
            pass
    except OSError as error:
        raise CheckFailed(f"{path} can't be written: {error.strerror}", _SET_DATA_DIR) from error
    return Facts(str(path) if existing == path else f"{path} will be made at first use")


def permissions(context: CheckContext) -> Facts:
    """Other users may not read what agents recorded."""
    path = context.settings.data_dir
    if not path.exists():
        return Facts("will be private when it is made")
    if os.name != "posix":
        return Facts("as the system gives them to your own directories")
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o077:
        fix = f"chmod 700 {shlex.quote(str(path))}"
        return Facts(f"{mode:04o}: other users may read what agents recorded", fix=fix)
    return Facts(f"{mode:04o}, private")


def disk_space(context: CheckContext) -> Facts:
    """There is enough free space."""
    free = shutil.disk_usage(nearest_existing(context.settings.data_dir)).free / 2**20
    if free < _LEAST_FREE_MB:
        raise CheckFailed(f"{free:.0f} MB free", f"free some space, or {_SET_DATA_DIR}")
    return Facts(f"{free / 1024:.1f} GB free")


def duckdb(_: CheckContext) -> Facts:
    """DuckDB works, and a new database can be created (in a temporary directory)."""
    with tempfile.TemporaryDirectory(prefix="mcp-learning-") as directory:
        version = inspection.make(Path(directory, "new", "learning.duckdb"))
    return Facts(f"{installed_version('duckdb')}; a new database gets schema version {version}")


def database(context: CheckContext) -> Facts:
    """A server that has the file open answers, or the file can be opened."""
    path = context.settings.database_path
    try:
        health = anyio.run(leader_health, context.settings)
    except errors.LeaderIncompatible as error:
        raise CheckFailed(str(error), "restart the agent that started the older version") from error
    if health is not None:
        context.health = health
        return _open_in_server(path, health)
    if not path.exists():
        context.schema_version, context.stored = 0, Summary(0, None)
        return Facts(f"{path} will be made at first use")
    try:
        context.schema_version = inspection.schema_version(path)
    except errors.StoreLocked as error:
        return _open_in_process(path, error)
    except errors.StoreTooNew as error:
        raise CheckFailed(str(error), _UPDATE_PACKAGE) from error
    except errors.StoreDamaged as error:
        raise CheckFailed(str(error), "mcp-learning recover") from error
    except errors.StoreError as error:
        raise CheckFailed(str(error), f"check who may read and write {path}") from error
    return Facts(f"{path}, {path.stat().st_size / 2**20:.1f} MB")


def schema(context: CheckContext) -> Facts:
    """The schema is of this version, or will be migrated to it."""
    newest, version = newest_schema(), context.schema_version
    if version > newest:
        detail = f"version {version}, but this mcp-learning knows {newest} at most"
        raise CheckFailed(detail, _UPDATE_PACKAGE)
    if version < newest:
        context.stored = Summary(0, None)
        _refuse_other_design(context.settings.database_path)
        return Facts(f"version {newest} will be made at first use (now {version or 'none'})")
    try:
        context.stored = inspection.summary(context.settings.database_path)
    except errors.StoreDamaged as error:
        raise CheckFailed(str(error), "mcp-learning recover") from error
    return Facts(f"version {version}, {counted(context.stored.executions, 'execution')}")


def contents(context: CheckContext) -> Facts:
    """Every block of the database can be read and has the right checksum."""
    path = context.settings.database_path
    if not path.exists():
        return Facts("nothing yet")
    try:
        rows = examine(path).counts
    except errors.StoreDamaged as error:
        raise CheckFailed(str(error), "mcp-learning recover") from error
    found = f"{counted(sum(rows.values()), 'row')} in {counted(len(rows), 'table')}"
    return Facts(f"all of {found} can be read")


def vss(_: CheckContext) -> Facts:
    """The extension loads, and a search on an HNSW index in memory uses that index."""
    from mcp_learning.search.hnsw import probe

    try:
        source, works = probe()
    except errors.IndexUnavailable as error:
        fix = f"pip install duckdb-extension-vss=={installed_version('duckdb')}"
        raise CheckFailed(f"{error} ({error.__cause__})", fix) from error
    if not works:
        raise CheckFailed(
            "loads, but the index is not used or gives a wrong answer", _UPDATE_PACKAGE
        )
    return Facts(f"loaded from {source}; an index search answers right")


def embedding_model(context: CheckContext) -> Facts:
    """The model loads, and a paraphrase is more similar than an unrelated text."""
    settings = context.settings
    embedder = Embedder(settings.embedding_model, cache_dir=settings.model_dir)
    if embedder.model != BUNDLED_MODEL and not settings.data_dir.exists():
        return Facts(f"{embedder.model} will be downloaded at first use", conclusive=False)
    try:
        embedder.load()
        vectors = embedder.embed([embedding_text(t) for t in (TASK, PARAPHRASE, _UNRELATED)])
    except errors.EmbedderUnavailable as error:
        bundled = embedder.model == BUNDLED_MODEL
        raise CheckFailed(str(error), _UPDATE_PACKAGE if bundled else _USE_BUNDLED) from error
    paraphrase, unrelated = (float(vectors[0] @ other) for other in vectors[1:])
    detail = f"{embedder.fingerprint}; paraphrase {paraphrase:.2f}, unrelated {unrelated:.2f}"
    if paraphrase <= unrelated:
        raise CheckFailed(f"{detail}: wrong way round", _USE_BUNDLED)
    context.embedder = embedder
    return Facts(detail)


def stored_vectors(context: CheckContext) -> Facts:
    """The stored vectors are of the model that searches would use."""
    model = context.stored.model
    if model is None:
        return Facts("none yet")
    if model != context.embedder.fingerprint:
        raise CheckFailed(f"made by {model}", "mcp-learning rebuild-index --reembed")
    return Facts("made by the same model")


def index(context: CheckContext) -> Facts:
    """The state of the HNSW index; without one, searches are exact."""
    if context.health is not None:
        found = context.health.index
    else:
        stored = getattr(context, "stored", Summary(0, None))
        found = index_state.stored(context.settings, stored.executions, stored.model)
    fix = "mcp-learning rebuild-index" if found.state == "stale" else ""
    return Facts(describe_index(found), fix=fix)


def server(_: CheckContext) -> Facts:
    """A server on a temporary directory records a task, finds it, and exits with status 0."""
    with tempfile.TemporaryDirectory(
        prefix="mcp-learning-", ignore_cleanup_errors=True
    ) as directory:
        try:
            trip = round_trip(Path(directory))
        except errors.LearningError as error:
            fix = "fix what failed above, or else report this with the output of this command"
            raise CheckFailed(str(error), fix) from error
    return Facts(
        f"initialized in {trip.initialize_ms:.0f} ms, recorded in {trip.record_ms:.0f} ms, "
        f"found by a paraphrase ({trip.similarity:.2f}), ended with exit code 0"
    )


def team(context: CheckContext) -> Facts:
    """The team's store answers, and this host may write to it."""
    if not context.settings.shares:
        return Facts("none; this database is of this machine alone")
    from mcp_learning.team.setup import remote_state, with_total

    here = context.health.team if context.health else _without_server(context)
    try:
        there = anyio.run(remote_state, context.settings)
        here = here and anyio.run(with_total, context.settings, there, here)
    except errors.LearningError as error:
        kept = f"{here.waits}; {here.last_known}" if here else "until then all is kept here"
        raise CheckFailed(str(error), f"fix that; {kept}") from error
    detail = f"{context.settings.team} answers; this host is {there.role} there"
    if here is not None:
        detail += f", {here.waits}"
        detail += f", {there.change - (here.known or 0)} are still to come"
        detail += f", {here.portion}" if here.portion else ""
    if not there.can_write:
        return Facts(f"{detail}; it only reads", there.refusal)
    return Facts(detail)


def _without_server(context: CheckContext) -> TeamHealth | None:
    """The state of the exchange as the file says, if no server has it open."""
    state = context.stored.outbox
    if state is None:
        return None
    return TeamHealth(
        team=context.settings.team,
        waiting=state.waiting,
        waiting_since=state.since,
        known=state.mark and state.mark.change,
    )


CHECKS = (
    Check("python", python),
    Check("settings", settings),
    Check("data directory", data_directory, needs=("settings",)),
    Check("permissions", permissions, needs=("data directory",)),
    Check("disk space", disk_space, needs=("data directory",)),
    Check("duckdb", duckdb),
    Check("database", database, needs=("data directory", "duckdb")),
    Check("schema", schema, needs=("database",)),
    Check("contents", contents, needs=("schema",)),
    Check("vss", vss, needs=("duckdb",)),
    Check("embedding model", embedding_model, needs=("settings",)),
    Check("stored vectors", stored_vectors, needs=("schema", "embedding model")),
    Check("index", index, needs=("data directory",)),
    Check("server", server),
    Check("team", team, needs=("settings",)),
)
"""The checks, each after those that it needs."""


def _refuse_other_design(path: Path) -> None:
    if not path.exists():
        return
    try:
        inspection.refuse_other_design(path)
    except errors.StoreError as error:
        fix = "mcp-learning upgrade" if "mcp-learning upgrade" in str(error) else _SET_DATA_DIR
        raise CheckFailed(str(error), fix) from error


def _open_in_server(path: Path, health: Health) -> Facts:
    """The database is open in a server, so that only its `health` is known."""
    detail = f"{path}, {counted(health.rows, 'execution')}"
    if health.leader is not None:
        detail += f"; open in {_member(health.leader)}"
    if health.followers:
        detail += f"; followed by {', '.join(map(_member, health.followers))}"
    fix = "mcp-learning rebuild-index --reembed" if health.reembed_due else ""
    return Facts(detail, fix=fix, conclusive=False)


def _member(member: Member) -> str:
    return (
        f"process {member.pid} (mcp-learning {member.version}, since "
        f"{member.since:%Y-%m-%d %H:%M:%S} UTC)"
    )


def _open_in_process(path: Path, error: errors.StoreLocked) -> Facts:
    """The database is open in a process that doesn't answer.

    Raises:
        CheckFailed: The process is of another program.
    """
    holder = re.search(r"process (\d+)", str(error))
    if holder is None:
        return Facts(f"{path} is open in another process", conclusive=False)
    pid = holder[1]
    command = _command_of(pid)
    if command and "mcp_learning" not in command and "mcp-learning" not in command:
        raise CheckFailed(
            f"{path} is open in process {pid} ({command[:60]})", f"close it: kill {pid}"
        )
    what = "another mcp-learning" if command else "another process"
    return Facts(f"{path} is open in {what}, process {pid}", conclusive=False)


def _command_of(pid: str) -> str:
    """The command line of a process; "" if it can't be read."""
    try:
        listed = subprocess.run(
            ["ps", "-o", "args=", "-p", pid], capture_output=True, text=True, timeout=5, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return listed.stdout.strip()
