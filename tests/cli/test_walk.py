"""From an empty home through every command that a person has, in the order of a first day."""

import gzip
import json
import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest
from cli.conftest import Invoke


class Walk:
    """Commands one after the other, each of which has to succeed and to say what it should."""

    def __init__(self, invoke: Invoke) -> None:
        self._invoke = invoke

    def says(self, line: str, *words: str) -> str:
        """What a command prints, which has these words in it."""
        printed = self._result(line, 0)
        missing = [one for one in words if one not in " ".join(printed.split())]
        assert not missing, f"{line}: {missing} isn't in\n{printed}"
        return printed

    def refuses(self, line: str, *words: str) -> None:
        """A command fails, and says these words."""
        printed = self._result(line, 1, 2)
        assert all(one in printed for one in words), printed

    def gives(self, line: str) -> Any:
        """The JSON of a command."""
        return json.loads(self._result(f"{line} --json", 0))

    def _result(self, line: str, *codes: int) -> str:
        found = self._invoke(*shlex.split(line))
        assert found.exit_code in codes, f"{line}\n{found.output}"
        assert "Traceback" not in found.output
        return found.output


@pytest.fixture
def walk(invoke: Invoke) -> Walk:
    return Walk(invoke)


@pytest.fixture
def repository(home: Path) -> Path:
    """Two commits of somebody's."""
    directory = home / "desk"
    directory.mkdir()
    as_somebody = ["-c", "user.name=Somebody", "-c", "user.email=somebody@example.org"]
    subjects = ("fix: stale results survive a restart of the cache", "feat: sign in by email")
    for arguments in (
        ["init"],
        *([*as_somebody, "commit", "--allow-empty", "-m", one] for one in subjects),
    ):
        subprocess.run(["git", "-C", str(directory), *arguments], check=True, capture_output=True)
    return directory


def test_a_day_with_a_history_of_ones_own(walk: Walk, repository: Path, home: Path) -> None:
    walk.refuses("similar cache", "there is no database", "import")
    walk.says("import git desk", "2 executions in", "2 executions embedded")
    walk.says("import git desk", "0 new")
    walk.says("similar 'the cache shows old results after it was restarted'", "stale results")
    walk.says("similar 'bake sourdough bread'", "Nothing relevant among 2 executions")
    walk.says("stats", "2 of 2 executions embedded", "HNSW index: none")

    latest = walk.gives("list --type feature --limit 1")["executions"][0]["task_id"]
    walk.says(f"show {latest[:13]}", "sign in by email", latest)
    walk.says(f"edit {latest[:13]} --outcome failure --approach 'magic links'", "changed")
    walk.says(f"feedback {latest[:13]} --rating 1 --comment 'nobody got the mail'", "Stored")
    walk.says(f"show {latest[:13]}", "magic links", "nobody got the mail")
    walk.says("list --outcome failure", "magic links", "1 of 1 execution")
    walk.says("recommend 'sign in with a code sent by email'", "magic links")
    walk.says("evaluate", "Too thin")
    walk.says("judge desk")
    walk.says("lessons", "no lessons yet")
    walk.refuses("team status", "MCP_LEARNING_TEAM")

    walk.says("backup copy.duckdb", "2 executions")
    walk.says("export all.jsonl", "2 executions written to", "1 feedback")
    walk.refuses(f"delete {latest[:13]}", "--yes")
    walk.says(f"delete {latest[:13]} --yes", "1 execution deleted")
    walk.says("import jsonl all.jsonl", "1 new")
    walk.refuses("restore copy.duckdb", "--force")
    walk.says("restore copy.duckdb --force", "2 executions")
    walk.says("upgrade", "schema version", "HNSW index: none", "200,000")
    walk.says("generate-embeddings", "Every execution has its vector")
    walk.says("recover", "nothing to recover")
    walk.says("prune --older-than-days 30", "0 executions")
    walk.refuses("generate-data --count 3", "2 executions", "--yes")


def test_a_day_with_generated_data(walk: Walk, home: Path) -> None:
    generated = (
        "generate-data --count 90 --task-types code_review,testing --repos acme/shop,acme/app"
    )
    walk.says(generated, "90 executions inserted", "30 tasks embedded")
    walk.says(generated, "90 executions of this seed were there already")
    groups = {one["key"] for one in walk.gives("stats --days 365")["groups"]}
    assert groups == {"code_review", "testing"}
    walk.says("stats --days 365 --repo acme/shop --type testing", "HNSW index: none")

    walk.refuses("rebuild-index --preset custom --m 24", "--ef-construction")
    walk.says(
        "rebuild-index --preset custom --m 24 --ef-construction 150", "Indexed", "HNSW index: ready"
    )
    walk.says("stats", "HNSW index: ready, custom (M 24, ef_construction 150)")
    walk.says("doctor", "custom (M 24", "All is well")
    task = walk.gives("list --limit 1")["executions"][0]["task_description"]
    ways = [walk.gives(f"similar {shlex.quote(task)} --mode {mode}") for mode in ("exact", "hnsw")]
    assert [way["search"]["mode"] for way in ways] == ["exact", "hnsw"]
    first, other = ([one["task_id"] for one in way["matches"]] for way in ways)
    assert first == other != []
    walk.says("benchmark --presets high_recall", "exact (before)", "HNSW (after)", "high_recall")
    walk.says("prune --generated", "90 executions")
    walk.says("list", "Nothing was recorded")
    walk.says("similar anything", "Nothing was recorded yet")


def test_a_database_of_the_original_design_is_taken_over(walk: Walk, home: Path) -> None:
    sample = Path(__file__).parent.parent / "store" / "samples" / "original.duckdb.gz"
    (home / "old.duckdb").write_bytes(gzip.decompress(sample.read_bytes()))
    walk.says("upgrade old.duckdb", "from the original design", "HNSW index: none", "200,000")
    walk.says("list --limit 1", "1 of 40 executions")
    walk.says(
        "prune --older-than-days 30 --archive kept", "40 executions were forgotten", "Recorded "
    )
    walk.says("restore kept", "40 executions came back")


def test_every_client_that_is_found_is_set_up_and_left_as_it_was(walk: Walk, home: Path) -> None:
    for name in (".claude", ".cursor", ".codex"):
        (home / name).mkdir()
    before = '{"theme": "dark"}'
    (home / ".claude.json").write_text(before)
    walk.says("install --all --dry-run", "not changed")
    assert (home / ".claude.json").read_text() == before
    walk.says("install --all", "Claude Code, Cursor, Codex")
    walk.says("install --all", "nothing to change")
    walk.says("uninstall --all")
    assert (home / ".claude.json").read_text() == before
