"""Every command of the runbooks is run, in order, in a home of its own."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from store.rows import execution, migrated

from mcp_learning.store import executions

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
def test_the_commands_of_a_runbook_work(name: str, tmp_path: Path) -> None:
    script = commands(name)
    assert "mcp-learning" in script
    home, scripts = tmp_path / "home", tmp_path / "bin"
    data_dir = home / ".local" / "share" / "mcp-learning"
    data_dir.mkdir(parents=True, mode=0o700)
    scripts.mkdir()
    command = scripts / "mcp-learning"
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -P -m mcp_learning "$@"\n')
    command.chmod(0o755)
    if name != "initialisation":
        with migrated(data_dir / "learning.duckdb") as cursor:
            for number in range(3):
                executions.insert(cursor, execution(task_description=f"task {number}"), number + 1)
    if name == "recovery":
        damage(data_dir / "learning.duckdb")
    kept = {n: v for n, v in os.environ.items() if "MCP_LEARNING" not in n and "XDG" not in n}

    done = subprocess.run(
        ["sh", "-eux", "-c", script],
        cwd=home,
        env={**kept, "HOME": str(home), "PATH": f"{scripts}{os.pathsep}{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
