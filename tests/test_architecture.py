"""The shape of the code: rooms import in one direction, files stay small."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "mcp_learning"
ROOMS = (
    *("errors", "settings", "models", "redaction", "store", "embed", "search", "insights"),
    *("recommend", "service", "synthetic", "cluster", "server", "clients", "bench", "web", "cli"),
)
LONGEST_FILE = 500
FILES = sorted(PACKAGE.rglob("*.py"))


def room_of(file: Path) -> str:
    return file.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported_rooms(file: Path) -> set[str]:
    rooms = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        rooms |= {name.split(".")[1] for name in names if name.startswith("mcp_learning.")}
    return rooms & set(ROOMS)


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(PACKAGE)))
def test_a_room_imports_only_from_rooms_above_it(file: Path) -> None:
    room = room_of(file)
    if room in ("__init__", "__main__"):
        return
    below = {other for other in imported_rooms(file) if ROOMS.index(other) > ROOMS.index(room)}
    assert not below, f"{room} must not import {below}"


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(PACKAGE)))
def test_a_file_is_short_enough_to_read_at_once(file: Path) -> None:
    assert len(file.read_text(encoding="utf-8").splitlines()) <= LONGEST_FILE


def test_duckdb_types_stay_inside_the_store_and_the_index() -> None:
    users = {
        room_of(file)
        for file in FILES
        if any(
            isinstance(node, (ast.Import, ast.ImportFrom))
            and "duckdb"
            in ast.unparse(node).replace("mcp_learning.store.duckdb.connection", "").split()
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        )
    }
    assert users <= {"store", "search", "cli", "bench", "synthetic"}
