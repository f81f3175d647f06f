"""Every command of the runbooks is run, in order, in a home of its own."""

import re
import sys
from pathlib import Path

import pytest
from cli.conftest import Shell
from store.rows import execution, migrated

from mcp_learning.store.duckdb import executions

RUNBOOKS = Path(__file__).parent.parent.parent / "docs" / "runbooks"
NAMES = sorted(path.stem for path in RUNBOOKS.glob("*.md") if path.stem != "proofs")

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs a POSIX shell")


def commands(name: str) -> str:
    """All shell blocks of a runbook."""
    text = (RUNBOOKS / f"{name}.md").read_text(encoding="utf-8")
    return "".join(re.findall(r"^```sh\n(.*?)^```", text, re.MULTILINE | re.DOTALL))


def damage(path: Path) -> None:
    with path.open("r+b") as file:
        file.write(bytes(1_000))


def test_there_is_a_runbook_for_each_occasion() -> None:
    assert {"initialisation", "backup", "recovery", "moving", "retention"} <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_the_commands_of_a_runbook_work(name: str, shell: Shell) -> None:
    script = commands(name)
    assert "mcp-learning" in script
    data_dir = shell.home / ".local" / "share" / "mcp-learning"
    data_dir.mkdir(parents=True, mode=0o700)
    if name != "initialisation":
        with migrated(data_dir / "learning.duckdb") as cursor:
            for number in range(3):
                executions.insert(cursor, execution(task_description=f"task {number}"))
    if name == "recovery":
        damage(data_dir / "learning.duckdb")

    done = shell.run(script)

    assert done.returncode == 0, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
