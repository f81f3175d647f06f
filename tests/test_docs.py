"""What the documents say is what the code does."""

import re
import subprocess
import sys
from pathlib import Path

import anyio
import duckdb

from mcp_learning.cli.app import COMMANDS
from mcp_learning.settings import Settings
from mcp_learning.synthetic.loading import Plan, generate

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
DOCUMENTS = {
    path: path.read_text(encoding="utf-8")
    for path in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]
}


def test_the_reference_is_made_from_the_code() -> None:
    command = [sys.executable, str(ROOT / "tools" / "reference.py"), "--check"]
    assert subprocess.run(command, check=False).returncode == 0, "run python tools/reference.py"


def test_every_command_is_in_the_readme() -> None:
    assert COMMANDS
    missing = [name for name in COMMANDS if f"`{name}" not in README]
    assert not missing


def test_links_between_documents_lead_somewhere() -> None:
    for document in DOCUMENTS:
        for target in re.findall(
            r"\]\(([^)#:]+)(?:#[^)]*)?\)", document.read_text(encoding="utf-8")
        ):
            assert (document.parent / target).exists(), f"{document.name}: {target}"


def test_the_queries_of_the_page_about_sql_answer(tmp_path: Path) -> None:
    settings = Settings.model_construct(data_dir=tmp_path)
    plan = Plan(600, task_types=("docs", "bug_fix"))
    anyio.run(lambda: generate(settings, plan, embed=False, progress=lambda *_: None))
    page = DOCUMENTS[ROOT / "docs" / "sql.md"]
    questions = re.findall(r"^```sql\n(.*?)^```", page, re.M | re.DOTALL)
    with duckdb.connect(str(tmp_path / "learning.duckdb"), read_only=True) as snapshot:
        assert snapshot.sql("SELECT count(*) FROM runs").fetchone() == (600,)
        assert len(questions) == 3
        for question in questions:
            assert snapshot.sql(question).fetchall()
        for view in ("judgements", "reuse"):
            assert snapshot.sql(f"SELECT * FROM {view}").fetchall() == []
