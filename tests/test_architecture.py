"""The shape of the code: rooms import in one direction, the store alone knows its engine.

What a module may use is found out twice. Its source tells every import, also those inside functions
and `if TYPE_CHECKING`. Imported, it shows the objects that it holds, whatever name they came by.
"""

import ast
import importlib
import importlib.util
import pkgutil
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

import pytest
from watched import OutsideTheStoreError, Watched

import mcp_learning

TESTS = Path(__file__).parent
PACKAGE = TESTS.parent / "mcp_learning"
ROOMS = (
    *("environment", "errors", "permissions", "settings", "models", "redaction", "store"),
    *("embed", "search", "insights", "recommend", "lessons", "service", "synthetic", "cluster"),
    *("team", "server", "clients", "web", "cli"),
)
LONGEST_FILE = 400
FILES = sorted(PACKAGE.rglob("*.py"))
MODULES = sorted(
    module.name
    for module in pkgutil.walk_packages(mcp_learning.__path__, "mcp_learning.")
    if not module.name.endswith("__main__")
)

STORE = "mcp_learning.store"
ENGINE = f"{STORE}.duckdb"
POSTGRES = "mcp_learning.team.postgres"
"""Knows the team's engine, and its cursors."""
CLIENT = "psycopg"

INDEX = frozenset(f"mcp_learning.search.{name}" for name in ("hnsw", "hnsw_build", "vss"))
"""The HNSW index is a DuckDB file of its own, and these are the modules that know it."""

PUBLIC = {
    f"{ENGINE}.{module}.{name}"
    for module, names in {
        "store": ("open_store",),
        "files": (
            *("discard", "finish_replacement", "make_private", "rename_durably"),
            "replacement_marker",
            *("staging_of", "wal_of"),
        ),
        "backups": ("copy_with_log", "refuse_in_use", "stage", "swap", "verified_contents"),
        "copies": ("examine",),
        "inspection": ("Summary", "make", "refuse_other_design", "schema_version", "summary"),
        "legacy": ("LegacyDatabase", "Row", "open_legacy"),
        "migrations": ("newest",),
        "parquet": ("ParquetFile", "write"),
        "damage": ("Batch",),
        "salvage": ("salvage",),
        "upgrade": ("design_of", "migrate"),
    }.items()
    for name in names
}
"""What other rooms may import of the implementation: functions on whole files, from paths to
values, and what they return."""
PUBLIC_TO_THE_INDEX = {
    *(f"{ENGINE}.arrow_batch.ArrowBatch", f"{ENGINE}.bound_lists.as_text"),
    f"{ENGINE}.opening.is_full",
}

ENGINE_TYPES = {"Cursor", "Database", "DuckDBPyConnection", "DuckDBStore"}
CURSOR_METHODS = {
    *("execute", "executemany", "cursor", "fetchone", "fetchall", "fetchnumpy"),
    *("begin", "commit", "rollback"),
}


class Import(NamedTuple):
    """A module that is imported, what of it ("" for the module itself), and the name it gets."""

    module: str
    name: str
    bound: str = ""

    @property
    def target(self) -> str:
        return f"{self.module}.{self.name}" if self.name else self.module


def is_in(module: str, package: str) -> bool:
    return module == package or module.startswith(f"{package}.")


def room_of(module: str) -> str:
    return module.split(".")[1] if "." in module else ""


@cache
def is_module(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:
        return False


@cache
def tree_of(module: str) -> ast.Module:
    spec = importlib.util.find_spec(module)
    assert spec is not None
    assert spec.origin is not None
    return ast.parse(Path(spec.origin).read_text(encoding="utf-8"))


def imports_of(tree: ast.AST, module: str) -> Iterator[Import]:
    """Every import in a source, by the full name of what is imported."""
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                yield from (Import(one.name, "", one.asname or "") for one in names)
            case ast.ImportFrom(module=source, names=names, level=level):
                parent = ".".join(module.split(".")[:-level] if level else [])
                source = ".".join(part for part in (parent, source) if part)
                for one in names:
                    whole, bound = f"{source}.{one.name}", one.asname or one.name
                    submodule = is_in(whole, "mcp_learning") and is_module(whole)
                    yield Import(whole, "", bound) if submodule else Import(source, one.name)
            case ast.Constant(value=str(text)) if is_in(text, "mcp_learning") and is_module(text):
                yield Import(text, "")  # for import_module


def held_by(module: ModuleType) -> Iterator[tuple[str, str]]:
    """The names that a module holds, each with the full name of the object behind it."""
    for name, value in vars(module).items():
        if isinstance(value, ModuleType):
            yield name, value.__name__
        elif isinstance(home := getattr(value, "__module__", None), str):
            yield name, f"{home}.{getattr(value, '__qualname__', name)}"


def annotations_in(tree: ast.AST) -> Iterator[ast.AST]:
    for node in ast.walk(tree):
        match node:
            case ast.arg(annotation=ast.expr() as found) | ast.AnnAssign(annotation=found):
                yield _unquoted(found)
            case ast.FunctionDef(returns=ast.expr() as found):
                yield _unquoted(found)
            case ast.AsyncFunctionDef(returns=ast.expr() as found):
                yield _unquoted(found)


def _unquoted(annotation: ast.expr) -> ast.AST:
    match annotation:
        case ast.Constant(value=str(text)):
            return ast.parse(text)
    return annotation


def foreign_imports(tree: ast.AST, module: str) -> set[str]:
    """What a module outside the store imports of the engine, or of the store's inside."""
    allowed = PUBLIC | (PUBLIC_TO_THE_INDEX if module in INDEX else set())
    used: set[str] = set()
    for one in imports_of(tree, module):
        if is_in(one.module, "duckdb") and module not in INDEX:
            used.add(one.target)
        elif is_in(one.module, ENGINE):
            attributes = attributes_of(tree, one.bound) if one.bound and not one.name else set()
            used |= {f"{one.module}.{name}" for name in attributes} or {one.target}
    return used - allowed


def attributes_of(tree: ast.AST, name: str) -> set[str]:
    """What is used of a module that has this name."""
    return {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id == name
    }


def engine_types(tree: ast.AST) -> set[str]:
    """Types of the engine that annotations name, and parameters that are called like one."""
    named = {
        node.id if isinstance(node, ast.Name) else node.attr
        for annotation in annotations_in(tree)
        for node in ast.walk(annotation)
        if isinstance(node, (ast.Name, ast.Attribute))
    }
    parameters = {node.arg for node in ast.walk(tree) if isinstance(node, ast.arg)}
    return (named & ENGINE_TYPES) | (parameters & {"cursor"})


def cursor_calls(tree: ast.AST) -> set[str]:
    return {
        node.func.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
    } & CURSOR_METHODS


OUTSIDE = [name for name in MODULES if not is_in(name, STORE)]
POLICY = [name for name in OUTSIDE if name not in INDEX]


def without_empty(found: dict[str, set[str]]) -> dict[str, set[str]]:
    return {name: what for name, what in found.items() if what}


def test_every_file_is_a_module_that_is_looked_at() -> None:
    found = {Path(str(importlib.util.find_spec(name).origin)) for name in MODULES}  # type: ignore[union-attr]
    assert set(FILES) - found == {PACKAGE / "__init__.py", PACKAGE / "__main__.py"}


def test_a_room_imports_only_from_rooms_above_it() -> None:
    below = {}
    for module in MODULES:
        used = {one.module for one in imports_of(tree_of(module), module)}
        used |= {home for _, home in held_by(importlib.import_module(module))}
        rooms = {room_of(name) for name in used if name.startswith("mcp_learning.")} & set(ROOMS)
        here = ROOMS.index(room_of(module))
        below[module] = {room for room in rooms if ROOMS.index(room) > here}
    assert without_empty(below) == {}


def test_a_file_is_short_enough_to_read_at_once() -> None:
    files = [*FILES, *TESTS.rglob("*.py")]
    lines = {file: len(file.read_text(encoding="utf-8").splitlines()) for file in files}
    assert {file: length for file, length in lines.items() if length > LONGEST_FILE} == {}


def test_no_two_classes_have_the_same_name() -> None:
    where: dict[str, list[str]] = {}
    for path in FILES:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.ClassDef):
                where.setdefault(node.name, []).append(str(path.relative_to(PACKAGE)))
    assert not {name: files for name, files in where.items() if len(files) > 1}


def test_only_the_store_and_the_index_import_the_engine() -> None:
    foreign = {name: foreign_imports(tree_of(name), name) for name in OUTSIDE}
    assert without_empty(foreign) == {}


def test_no_object_of_the_engine_is_held_outside_the_store() -> None:
    allowed = PUBLIC | {name.rpartition(".")[0] for name in PUBLIC}
    held = {
        module: {
            home
            for _, home in held_by(importlib.import_module(module))
            if any(is_in(home, engine) for engine in ("duckdb", "_duckdb", ENGINE))
        }
        - allowed
        for module in POLICY
    }
    assert without_empty(held) == {}


def test_no_annotation_or_parameter_outside_the_store_names_a_type_of_the_engine() -> None:
    assert without_empty({name: engine_types(tree_of(name)) for name in POLICY}) == {}


def test_no_cursor_is_used_outside_the_store() -> None:
    modules = [name for name in POLICY if not is_in(name, POSTGRES)]
    assert without_empty({name: cursor_calls(tree_of(name)) for name in modules}) == {}


def test_only_the_team_s_store_imports_the_client_of_postgresql() -> None:
    foreign = {
        name: {
            one.target for one in imports_of(tree_of(name), name) if is_in(one.module, "psycopg")
        }
        for name in MODULES
        if not is_in(name, POSTGRES) and name != "mcp_learning.team.access"
    }
    assert without_empty(foreign) == {}


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("import duckdb", {"duckdb"}),
        ("def f():\n    import duckdb.typing as t", {"duckdb.typing"}),
        ("from duckdb import DuckDBPyConnection", {"duckdb.DuckDBPyConnection"}),
        (f"from {ENGINE} import embeddings", {f"{ENGINE}.embeddings"}),
        (f"from {ENGINE}.connection import Cursor", {f"{ENGINE}.connection.Cursor"}),
        (f"from {ENGINE}.copies import opened", {f"{ENGINE}.copies.opened"}),
        (f"import {ENGINE}.votes as v", {f"{ENGINE}.votes"}),
        ("from ..store.duckdb import feed", {f"{ENGINE}.feed"}),
        (f"import_module('{ENGINE}.feed')", {f"{ENGINE}.feed"}),
        (f"from {ENGINE}.store import open_store", set()),
        (f"from {ENGINE} import copies\ncopies.examine(p)", set()),
        (f"from {ENGINE} import copies as c\nc.opened(c.examine(p))", {f"{ENGINE}.copies.opened"}),
    ],
)
def test_a_forbidden_import_is_seen_however_it_is_written(source: str, found: set[str]) -> None:
    assert foreign_imports(ast.parse(source), "mcp_learning.service.learning") == found


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("def f(x: Cursor) -> None: ...", {"Cursor"}),
        ("def f(x: 'list[connection.Cursor]') -> None: ...", {"Cursor"}),
        ("async def f() -> Callable[[Database], int]: ...", {"Database"}),
        ("x: DuckDBStore", {"DuckDBStore"}),
        ("f = lambda cursor: 1", {"cursor"}),
        ("def f(*, path: Path) -> Store: ...", set()),
    ],
)
def test_a_type_of_the_engine_is_seen_in_any_annotation(source: str, found: set[str]) -> None:
    assert engine_types(ast.parse(source)) == found


def test_a_cursor_refuses_to_be_used_by_a_module_outside_the_store() -> None:
    import duckdb

    use = "answer = cursor.execute('SELECT 1').fetchall()"
    with Watched(duckdb.connect()) as cursor:
        names = {"__name__": f"{ENGINE}.executions", "cursor": cursor}
        exec(use, names)
        assert names["answer"] == [(1,)]
        for module in ("mcp_learning.service.protocol", "mcp_learning.storehouse"):
            with pytest.raises(OutsideTheStoreError, match=module):
                exec(use, {"__name__": module, "cursor": cursor})
