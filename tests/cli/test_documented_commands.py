"""Every command that the README and docs/ show is run here, or it is said why not.

Those of the runbooks are in test_runbooks.py.
"""

import json
import re
import shlex
import signal
import subprocess
import sys
from pathlib import Path
from uuid import UUID

import pytest
from cli.conftest import Shell, TypeIn, started
from store.rows import execution, migrated

from mcp_learning.cli.app import load_command
from mcp_learning.store.duckdb import executions

ROOT = Path(__file__).parent.parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]

SERVERS = {
    "mcp-learning dashboard": "http://127.0.0.1:",
    "mcp-learning serve --http 127.0.0.1:8000": "http://127.0.0.1:",
}
"""Commands that run until they are ended, and what they say on stderr when they are up."""

ELSEWHERE = {
    "python3 tools/dev.py demo": "installs; what it then runs is in test_demo.py",
    "python3 tools/dev.py test": "is what runs this test",
    "pipx install .": "installs, with pipx",
    "uv tool install .": "installs, with uv",
    "pip install .": "installs",
    "python -m benchmarks hook": "measures for minutes",
    **dict.fromkeys(
        (
            "export MCP_LEARNING_TEAM=shop",
            "export MCP_LEARNING_TEAM_URL=postgresql://owner@db.example.org/learning",
            "mcp-learning team init --member ada --member ben --reader dashboard",
        ),
        "needs a PostgreSQL; tests/team has one",
    ),
    "claude mcp add learning --scope user -- mcp-learning": "needs Claude Code",
    "claude mcp add --transport http learning http://127.0.0.1:8000/mcp "
    '--header "Authorization: Bearer TOKEN"': "needs Claude Code",
}

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs a POSIX shell")


def shown(page: Path) -> list[str]:
    """The commands in blocks of the page, each on a line of its own."""
    blocks = re.findall(r"^```console\n(.*?)^```", page.read_text("utf-8"), re.M | re.DOTALL)
    return [line for block in blocks for line in block.splitlines() if line]


def mentioned(page: Path) -> list[str]:
    """Every `mcp-learning` with arguments, in whatever block or line of the page."""
    found = re.findall(r"(?:`|^)(mcp-learning [a-z](?:(?!`).)*)", page.read_text("utf-8"), re.M)
    return [line.split(" #")[0].strip() for line in found]


SHOWN = [(page.name, line) for page in PAGES for line in shown(page)]
PROOFS = [line.split(" test ")[1] for name, line in SHOWN if name == "proofs.md"]
RUN = {
    page: [line for line in shown(page) if line not in SERVERS and line not in ELSEWHERE]
    for page in PAGES
    if page.name != "proofs.md"
}
MENTIONED = sorted({line for page in PAGES for line in mentioned(page)})


def make_repository(directory: Path) -> None:
    """One with a commit."""
    directory.mkdir(parents=True)
    as_somebody = ["-c", "user.name=Somebody", "-c", "user.email=somebody@example.org"]
    commit = ["commit", "--allow-empty", "-m", "fix: the login fails at night"]
    for arguments in (["init"], [*as_somebody, *commit]):
        subprocess.run(["git", "-C", str(directory), *arguments], check=True, capture_output=True)


@pytest.fixture
def furnished(home: Path) -> None:
    """A home with what the commands read: sessions, repositories, a table, an execution, tools."""
    said = {"role": "user", "content": "mend the login, it fails with ERR_1042 at night"}
    line = {"type": "user", "uuid": "1", "sessionId": "1", "cwd": "/work", "message": said}
    session = json.dumps(line | {"timestamp": "2026-01-02T03:04:05Z"}) + "\n"
    for place in (".claude/projects/work", ".codex/sessions"):
        (home / place).mkdir(parents=True)
        (home / place / "session.jsonl").write_text(session)
    for place in (".gemini/tmp", ".copilot/session-state"):
        (home / place).mkdir(parents=True)
    for place in ("path/to/repository", "code/shop"):
        make_repository(home / place)
    (home / "results.xml").write_text('<testsuite><testcase name="logs_in"/></testsuite>')
    data_dir = home / ".local" / "share" / "mcp-learning"
    data_dir.mkdir(parents=True, mode=0o700)
    with migrated(data_dir / "learning.duckdb") as cursor:
        task_id = UUID("0190a0b1-aaaa-7000-8000-000000000000")
        executions.insert(cursor, execution(task_id=task_id))
    (home / "runs.jsonl").write_text(
        '{"task_type": "bugfix", "task_description": "mend the login", "outcome": "success"}\n'
    )
    (home / "tools").symlink_to(ROOT / "tools")


def test_what_is_not_run_here_is_still_shown() -> None:
    assert {*SERVERS, *ELSEWHERE} <= {line for _, line in SHOWN}
    assert len(PROOFS) >= 3


@pytest.mark.usefixtures("furnished")
@pytest.mark.parametrize("page", [page for page in RUN if RUN[page]], ids=lambda page: page.stem)
def test_the_commands_of_a_page_work_one_after_the_other(page: Path, type_in: TypeIn) -> None:
    for line in RUN[page]:
        type_in(line)


@pytest.mark.parametrize("line", SERVERS)
def test_a_server_of_the_docs_says_where_it_is_and_ends(line: str, shell: Shell) -> None:
    data_dir = shell.home / ".local" / "share" / "mcp-learning"
    data_dir.mkdir(parents=True, mode=0o700)
    with migrated(data_dir / "learning.duckdb"):
        pass
    with started(
        shlex.split(line.replace(":8000", ":0")),  # which may be taken here
        executable=str(shell.command),
        cwd=shell.home,
        env=shell.environment,
        stdin=subprocess.DEVNULL,
        stderr=subprocess.STDOUT,
    ) as server:
        assert server.stdout is not None
        said = next((words for words in server.stdout if SERVERS[line] in words), "")
        server.send_signal(signal.SIGINT)
        server.communicate(timeout=60)
    assert said
    assert server.returncode == 0


def test_the_proofs_of_the_docs_can_be_asked_for() -> None:
    arguments = shlex.split(" ".join(PROOFS))  # pytest refuses what it doesn't know, file or option
    found = subprocess.run(
        [sys.executable, "-m", "pytest", "--collect-only", "-q", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.returncode == 0, found.stdout + found.stderr


@pytest.mark.parametrize("line", MENTIONED)
def test_a_command_that_the_docs_mention_exists_with_its_options(line: str) -> None:
    name, *arguments = shlex.split(line)[1:]
    command = load_command(name)
    known = {
        option
        for parameter in command.params
        for option in (*parameter.opts, *parameter.secondary_opts)
    }
    asked = {argument.split("=")[0] for argument in arguments if argument.startswith("--")}
    assert asked <= known | {"--help"}
