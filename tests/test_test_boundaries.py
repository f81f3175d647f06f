"""The shape of the tests: they use what is public, and change nothing of the package.

What a test has to vary is a parameter, a setting or the state of a file; what it has to observe is
a result. So a module can be rewritten inside without a change of its tests.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
FILES = sorted(TESTS.rglob("*.py"))

OWN = {"self", "cls", "os", "sys"}
"""Names on which private attributes may be used: an object's own, and the interpreter's."""

REPLACED_FUNCTIONS = {
    # Refuses what would block the event loop, then does it.
    "conftest.py": {"opening.open_file", "Embedder.embed", "Embedder.load"},
    # A migration of a version that is still to come.
    "cli/test_upgrade.py": {"migrations.known"},
    "store/test_migrations.py": {"migrations.known"},
    # Wait inside a transaction until their caller is cancelled, then do their work.
    "service/test_cancellation.py": {"embeddings.store", "executions.insert"},
    # Wait until something else has changed, then do their work; or change it afterwards.
    "service/test_changes_meanwhile.py": {"groups.represent"},
    "service/test_lessons_meanwhile.py": {
        "lesson_book.about_missing_files",
        "recurrences.all_findings",
    },
    "team/test_forgetting.py": {"Fetcher.selected"},
}
"""Functions of the package that tests replace, by file. No constant is among them."""


OF_NAMED_TUPLES = {"_asdict", "_fields", "_make", "_replace"}
"""Public, in spite of their names."""


def is_private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__") and name not in OF_NAMED_TUPLES


def private_uses(tree: ast.AST) -> Iterator[str]:
    """Private attributes and names of others that a source uses."""
    for node in ast.walk(tree):
        match node:
            case ast.Attribute(value=ast.Name(id=owner), attr=name) if owner in OWN:
                continue
            case ast.Attribute(attr=name) if is_private(name):
                yield ast.unparse(node)
            case ast.ImportFrom(module=str(module), names=names) if "mcp_learning" in module:
                yield from (f"{module}.{one.name}" for one in names if is_private(one.name))
            case ast.Call(
                func=ast.Name(id="getattr" | "setattr"), args=[_, ast.Constant(value=str(name)), *_]
            ) if is_private(name):
                yield ast.unparse(node)


def package_names(tree: ast.AST) -> set[str]:
    """Names in a source that stand for something of the package."""
    return {
        one.asname or one.name.split(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, (ast.Import, ast.ImportFrom))
        for one in node.names
        if f"{getattr(node, 'module', '')}.{one.name}".lstrip(".").startswith("mcp_learning")
    }


def replacements(tree: ast.AST) -> Iterator[str]:
    """What a source replaces in the package: by `setattr`, by `patch`, or by assignment."""
    names = package_names(tree)
    for node in ast.walk(tree):
        match node:
            case ast.Call(
                func=ast.Attribute(attr="setattr" | "delattr" | "setitem" | "object")
                | ast.Name(id="setattr"),
                args=[target, ast.Constant(value=str(name)), *_],
            ) if root_of(target) in names:
                yield f"{ast.unparse(target)}.{name}"
            case ast.Call(
                func=ast.Attribute(attr="setattr" | "delattr" | "patch") | ast.Name(id="patch"),
                args=[ast.Constant(value=str(target)), *_],
            ) if target.startswith("mcp_learning"):
                yield target
            case ast.Assign(targets=targets):
                for target in targets:
                    if isinstance(target, ast.Attribute) and root_of(target) in names:
                        yield ast.unparse(target)


def root_of(node: ast.expr) -> str:
    while isinstance(node, ast.Attribute):
        node = node.value
    return node.id if isinstance(node, ast.Name) else ""


def found_in(file: Path) -> tuple[set[str], set[str]]:
    """Private uses and replacements."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    return set(private_uses(tree)), set(replacements(tree))


def test_tests_use_what_is_public_and_replace_nothing_of_the_package() -> None:
    found = {file.relative_to(TESTS).as_posix(): found_in(file) for file in FILES}
    assert {name: uses for name, (uses, _) in found.items() if uses} == {}
    assert {name: made for name, (_, made) in found.items() if made} == REPLACED_FUNCTIONS


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("store.database._queue.qsize()", ["store.database._queue"]),
        ("made()._child", ["made()._child"]),
        ("from mcp_learning.search.scan import _near as near", ["mcp_learning.search.scan._near"]),
        ("getattr(service, '_indexer')", ["getattr(service, '_indexer')"]),
        ("self._own = os._exit; x.__name__; state._replace(a=1)", []),
    ],
)
def test_a_private_name_is_seen_however_it_is_used(source: str, found: list[str]) -> None:
    assert list(private_uses(ast.parse(source))) == found


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("patch.setattr(exact, 'MIN', 2)", ["exact.MIN"]),
        ("patch.setattr(exact.inner, 'MIN', 2)", ["exact.inner.MIN"]),
        (
            "monkeypatch.setattr('mcp_learning.search.exact.MIN', 2)",
            ["mcp_learning.search.exact.MIN"],
        ),
        ("with mock.patch('mcp_learning.a.B'): pass", ["mcp_learning.a.B"]),
        ("mock.patch.object(exact, 'MIN')", ["exact.MIN"]),
        ("exact.MIN = 2", ["exact.MIN"]),
        ("setattr(exact, 'MIN', 2)", ["exact.MIN"]),
        ("patch.setattr(os, 'replace', fail); x.MIN = 2", []),
    ],
)
def test_a_replacement_is_seen_however_it_is_made(source: str, found: list[str]) -> None:
    imports = "import os\nfrom mcp_learning.search import exact\n"
    assert list(replacements(ast.parse(imports + source))) == found
