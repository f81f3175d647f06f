"""Every command of the runbooks is run, in order, in a home of its own."""

import re
import sys
from pathlib import Path

import pytest
from cli.conftest import TypeIn
from store.rows import execution, migrated

from mcp_learning.store.duckdb import executions

RUNBOOKS = Path(__file__).parent.parent.parent / "docs" / "runbooks"
NAMES = sorted(path.stem for path in RUNBOOKS.glob("*.md") if path.stem != "proofs")

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs a POSIX shell")


def commands(name: str) -> list[str]:
    """The lines of all shell blocks of a runbook."""
    text = (RUNBOOKS / f"{name}.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```sh\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    return [line for block in blocks for line in block.splitlines() if line]


def damage(path: Path) -> None:
    with path.open("r+b") as file:
        file.write(bytes(1_000))


def test_there_is_a_runbook_for_each_occasion() -> None:
    assert {"initialisation", "backup", "recovery", "moving", "retention"} <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_the_commands_of_a_runbook_work(name: str, home: Path, type_in: TypeIn) -> None:
    lines = commands(name)
    assert any(line.startswith("mcp-learning ") for line in lines)
    data_dir = home / ".local" / "share" / "mcp-learning"
    data_dir.mkdir(parents=True, mode=0o700)
    if name != "initialisation":
        with migrated(data_dir / "learning.duckdb") as cursor:
            for number in range(3):
                executions.insert(cursor, execution(task_description=f"task {number}"))
    if name == "recovery":
        damage(data_dir / "learning.duckdb")

    for line in lines:
        type_in(line)
