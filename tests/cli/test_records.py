"""A person goes from a list or a search to a record, and corrects, judges or forgets it."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cli.conftest import Invoke
from typer.testing import CliRunner

from mcp_learning.cli.app import app
from mcp_learning.settings import Settings

RECORDS: list[dict[str, Any]] = [
    {
        "task_id": "0190a0b1-aaaa-7000-8000-000000000000",
        "task_description": "Fix the login redirect loop after the session has expired",
        "repo": "acme/shop",
        "approach": "expire the cookie",
        "recorded_at": "2026-01-01T10:00:00Z",
    },
    {
        "task_id": "0190a0b1-bbbb-7000-8000-000000000000",
        "task_description": "Speed up the CSV export of invoices",
        "task_type": "performance",
        "outcome": "failure",
        "error_type": "timeout",
        "recorded_at": "2026-02-01T10:00:00Z",
    },
    {
        "task_id": "0290a0b1-cccc-7000-8000-000000000000",
        "task_description": "Users are redirected to the sign-in page again and again",
        "repo": "acme/bank",
        "outcome": "pending",
        "recorded_at": "2026-03-01T10:00:00Z",
    },
]
LOGIN, EXPORT, SIGN_IN = (record["task_id"] for record in RECORDS)
COMMON = {"task_type": "bug_fix", "outcome": "success"}


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory with three executions; tests use copies."""
    directory = tmp_path_factory.mktemp("recorded")
    lines = "\n".join(json.dumps(COMMON | record) for record in RECORDS)
    (directory / "records.jsonl").write_text(lines, encoding="utf-8")
    arguments = ("import", "jsonl", str(directory / "records.jsonl"), "--data-dir")
    environment = {"MCP_LEARNING_CONFIG": os.devnull}
    done = CliRunner().invoke(app, [*arguments, str(directory / "data")], env=environment)
    assert done.exit_code == 0, done.stderr
    return directory / "data"


@pytest.fixture
def ask(invoke: Invoke, recorded: Path, settings: Settings) -> Callable[..., Any]:
    """What a command prints as JSON, in a home where three executions were recorded."""
    shutil.copytree(recorded, settings.data_dir)

    def ask(*arguments: str) -> Any:
        done = invoke(*arguments, "--json")
        assert done.exit_code == 0, done.stderr
        return json.loads(done.stdout)

    return ask


def ids(answer: dict[str, Any]) -> list[str]:
    """Of what was listed or found."""
    found = answer["executions"] if "executions" in answer else answer["matches"]
    return [one["task_id"] for one in found]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ("", [SIGN_IN, EXPORT, LOGIN]),
        ("--limit 1", [SIGN_IN]),
        ("--repo acme/shop", [LOGIN]),
        ("--type performance", [EXPORT]),
        ("--approach expire\0the\0cookie", [LOGIN]),
        ("--outcome pending", [SIGN_IN]),
        ("--since 2026-02-01", [SIGN_IN, EXPORT]),
        ("--since 2026-02-01T10:00:00Z --outcome failure", [EXPORT]),
        ("--since 1h", []),
    ],
)
def test_the_same_filters_narrow_a_list_and_a_search(
    ask: Callable[..., Any], options: str, expected: list[str]
) -> None:
    arguments = [part.replace("\0", " ") for part in options.split()]
    assert ids(ask("list", *arguments)) == expected
    text = "users are redirected when they log in"
    found = ids(ask("similar", text, "--min-similarity", "0", *arguments))
    assert sorted(found) == sorted(expected) or len(found) == 1 == len(expected)


def test_one_gets_from_a_search_to_the_record_by_what_it_shows(
    ask: Callable[..., Any], invoke: Invoke
) -> None:
    shown = invoke("similar", "log in again and again", "--min-similarity", "0.2").stdout
    for text in ("0290a0b1-cccc", "2026-03-01", "acme/bank", "bug_fix", "pending"):
        assert text in shown
    told = invoke("show", "0290a0b1-cccc")
    assert told.exit_code == 0
    assert "Users are redirected to the sign-in page again and again" in told.stdout
    assert "doesn't count in recommendations" in told.stdout  # it is pending
    assert ask("show", "0290")["execution"]["repo"] == "acme/bank"
    assert "0290a0b1-cccc" in invoke("list").stdout


def test_an_empty_search_says_how_to_widen_it(ask: Callable[..., Any], invoke: Invoke) -> None:
    assert ids(ask("similar", "bake a cake")) == []
    assert "--min-similarity" in invoke("similar", "bake a cake").stdout


def test_a_search_says_what_superseded_a_match(
    ask: Callable[..., Any], invoke: Invoke, home: Path
) -> None:
    later = {
        "task_id": "0390a0b1-dddd-7000-8000-000000000000",
        "task_description": "Let the session end with the browser",
        "supersedes": LOGIN,
        "recorded_at": "2026-04-01T10:00:00Z",
    }
    (home / "later.jsonl").write_text(json.dumps(COMMON | later), encoding="utf-8")
    assert invoke("import", "jsonl", "later.jsonl", "--json").exit_code == 0
    text = "the login redirects in a loop when the session has expired"

    first, second, *_ = ask("similar", text)["matches"]

    assert (first["task_id"], second["task_id"]) == (later["task_id"], LOGIN)
    assert second["superseded_by"] == later["task_id"]
    assert "superseded by 0390a0b1" in " ".join(invoke("similar", text).stdout.split())


def test_corrections_and_feedback_are_kept(ask: Callable[..., Any]) -> None:
    done = ask("edit", "0190a0b1-b", "--outcome", "success", "--error-type", " ", "--solution", "x")
    assert done["changed"] == ["outcome", "solution_summary", "error_type"]
    judged = ask("feedback", "0190a0b1-b", "--rating", "2", "--accepted", "no", "--comment", "slow")
    assert judged == {"task_id": EXPORT, "feedback_count": 1, "redactions": 0}
    record = ask("show", EXPORT)
    assert record["execution"]["outcome"] == "success"
    assert "error_type" not in record["execution"]
    assert record["feedback"][0]["comment"] == "slow"


def test_what_is_deleted_is_gone_and_nothing_else(ask: Callable[..., Any], invoke: Invoke) -> None:
    refused = invoke("delete", LOGIN, "0290")
    assert refused.exit_code == 2
    assert "--yes" in refused.stderr
    assert ask("delete", LOGIN, "0290", "--dry-run")["executions"] == 2
    assert len(ids(ask("list"))) == 3
    assert ask("delete", LOGIN, "0290", "--yes")["executions"] == 2
    assert ids(ask("list")) == [EXPORT]


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (("show", "0190a0b1"), 1, "0190a0b1-aaaa"),
        (("show", "0390"), 1, "`mcp-learning list`"),
        (("show", "login"), 1, "ID: 'login' is not an id"),
        (("edit", LOGIN), 2, "at least one field"),
        (("edit", LOGIN, "--outcome", "maybe"), 2, "--outcome: must be"),
        (("edit", LOGIN, "--type", ""), 2, "--type: every execution has one"),
        (("edit", LOGIN, "--duration-seconds", "long"), 2, "--duration-seconds: must be"),
        (("feedback", LOGIN), 2, "at least one of --rating, --accepted"),
        (("feedback", LOGIN, "--issue-type", "x"), 2, "--issue-type: must be"),
        (("rebuild-index", "--preset", "custom", "--m", "9"), 2, "both --m and --ef-construction"),
        (("rebuild-index", "--preset", "small"), 2, "--preset: must be"),
        (("list", "--outcome", "maybe"), 2, "--outcome: must be"),
        (("list", "--since", "yesterday"), 2, "6w"),
        (("similar", ""), 2, "TEXT: "),
        (("similar", "x", "--mode", "fast"), 2, "--mode: must be"),
        (("similar", "x", "--mode", "hnsw"), 1, "rebuild-index builds one"),
    ],
)
def test_an_error_names_what_was_typed(
    ask: Callable[..., Any], invoke: Invoke, arguments: tuple[str, ...], status: int, said: str
) -> None:
    done = invoke(*arguments)
    assert done.exit_code == status, done.stdout
    assert said in done.stderr
    for internal in ("task_id", "task_type:", "error_message", "pydantic", "Traceback"):
        assert internal not in done.stderr
