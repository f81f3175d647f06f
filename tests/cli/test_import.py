"""`import` and `export` as people run them: alone, beside a server, interrupted, on bad files."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import pytest
from cli.conftest import Invoke, started
from clients.transcripts import sessions
from clients.transcripts.sessions import assistant, codex, codex_start, text, user
from process.wire import Server
from store import legacy_files

SECRET = "ghp_" + "Aa1" * 12
ROOT = Path(__file__).parents[2]


def reported(invoke: Invoke, data_dir: Path, *arguments: str, status: int = 0) -> dict[str, Any]:
    """What a command prints as JSON."""
    done = invoke(*arguments, "--json", "--data-dir", str(data_dir))
    assert done.exit_code == status, done.stderr
    values: dict[str, Any] = json.loads(done.stdout)
    return values


def counts(report: dict[str, Any]) -> tuple[int, ...]:
    return tuple(report[name] for name in ("created", "updated", "unchanged", "skipped"))


def rows(data_dir: Path, sql: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(str(data_dir / "learning.duckdb"), read_only=True) as connection:
        return connection.execute(sql).fetchall()


def lines(path: Path, *values: object) -> Path:
    path.write_bytes(b"".join(json.dumps(value).encode() + b"\n" for value in values))
    return path


def tasks(count: int) -> list[dict[str, Any]]:
    return [{"task_description": f"mend part {n}", "success": n % 2 == 0} for n in range(count)]


def test_each_source_is_imported_with_its_bad_parts_counted_and_nothing_twice(
    invoke: Invoke, home: Path, data_dir: Path
) -> None:
    sessions.write(
        home / ".claude" / "projects" / "-home-user-teapot" / "a.jsonl",
        user(0, f"Fix the drip of the spout, the token is {SECRET}"),
        b"\x00binary",
        assistant(5, text("Sharpened the edge.")),
    )
    sessions.write(
        home / ".codex" / "sessions" / "2025" / "rollout-a.jsonl",
        codex_start(),
        b"{cut",
        codex(1, "event_msg", type="user_message", message="Write the docs of the spout"),
    )
    subprocess.run(
        "git init -q teapot && cd teapot && git config user.email a@example.org "
        "&& git config user.name A && git commit -q --allow-empty -m 'Add a new lid'",
        shell=True,
        check=True,
        cwd=home,
    )
    lines(home / "a.jsonl", *tasks(3), [1, 2])
    (home / "a.csv").write_bytes(
        b"task_description,outcome\nfrom a cell,failure\nin Latin \xe9,x\n"
    )
    with duckdb.connect() as connection:
        table = connection.sql("FROM (VALUES ('from a column'), (NULL)) AS t(task_description)")
        table.write_parquet(str(home / "a.parquet"))
    legacy_files.make(home / "old.duckdb", 5)
    legacy_files.break_index(home / "old.duckdb")

    expected = {
        ("claude-code",): (1, 0, 0, 1),
        ("codex",): (1, 0, 0, 1),
        ("git", "teapot"): (1, 0, 0, 0),
        ("jsonl", "a.jsonl"): (3, 0, 0, 1),
        ("csv", "a.csv"): (1, 0, 0, 1),
        ("parquet", "a.parquet"): (1, 0, 0, 1),
        ("duckdb", "old.duckdb"): (5, 0, 0, 0),
    }
    for source, wanted in expected.items():
        report = reported(invoke, data_dir, "import", *source)
        assert counts(report) == wanted, source
        assert report["redactions"] == (source == ("claude-code",))
    assert rows(data_dir, "SELECT count(*) FROM executions") == [(13,)]
    assert counts(reported(invoke, data_dir, "import", "claude-code")) == (0, 0, 1, 1)
    assert counts(reported(invoke, data_dir, "import", "duckdb", "old.duckdb")) == (0, 0, 5, 0)
    stored = b"".join(file.read_bytes() for file in data_dir.rglob("*") if file.is_file())
    assert SECRET.encode() not in stored


def test_beside_a_server_imports_and_exports_go_through_it(
    invoke: Invoke, home: Path, data_dir: Path
) -> None:
    described = "Users are logged out each time the session cookie is renewed"
    lines(home / "a.jsonl", *tasks(150), {"task_description": described, "success": True})
    with Server(data_dir) as server:
        server.initialize()
        server.call("learning_stats")
        report = reported(invoke, data_dir, "import", "jsonl", "a.jsonl")
        assert counts(report) == (151, 0, 0, 0)
        found = server.call("find_similar_tasks", task_description=described, limit=1)
        (match,) = found["structuredContent"]["matches"]
        assert match["task_description"] == described
        exported = invoke("export", "-", "--data-dir", str(data_dir))
        assert exported.exit_code == 0, exported.stderr
        assert len(exported.stdout.splitlines()) == 151
        assert server.leave()[0] == 0


def test_an_export_is_taken_back_as_it_was(invoke: Invoke, home: Path, data_dir: Path) -> None:
    lines(
        home / "a.jsonl",
        *tasks(3),
        {"task_description": "x", "feedback": [{"rating": 2, "submitted_at": "2024-01-01"}]},
    )
    reported(invoke, data_dir, "import", "jsonl", "a.jsonl")
    original = rows(data_dir, "SELECT * EXCLUDE (sequence) FROM executions ORDER BY task_id")
    for number, name in enumerate(("out.jsonl", "out.parquet")):
        report = reported(invoke, data_dir, "export", name)
        assert (report["executions"], report["feedback"]) == (4, 1)
        assert (home / name).stat().st_mode & 0o777 == 0o600
        other = data_dir.with_name(f"other-{number}")
        assert counts(reported(invoke, other, "import", name[4:], name)) == (4, 0, 0, 0)
        copied = rows(other, "SELECT * EXCLUDE (sequence) FROM executions ORDER BY task_id")
        assert copied == original
        assert rows(other, "FROM feedback") == rows(data_dir, "FROM feedback")


def test_commands_hide_nothing_of_what_was_stored(
    invoke: Invoke, home: Path, data_dir: Path
) -> None:
    text = "fix\u202e\u200b the\x1b[2K login"
    row = dict.fromkeys(("task_description", "task_type", "solution_summary", "approach"), text)
    lines(home / "a.jsonl", {**row, "outcome": "success"})
    shown = [invoke("import", "jsonl", "a.jsonl", "--dry-run", "--data-dir", str(data_dir))]
    reported(invoke, data_dir, "import", "jsonl", "a.jsonl")
    for command in (
        ("similar", text),
        ("recommend", text),
        ("stats", "--by", "approach", "--days", "9999"),
    ):
        shown += [invoke(*command, "--data-dir", str(data_dir))]
    for done in shown:
        assert done.exit_code == 0, done.stderr
        assert "fix the login" in done.stdout, done.stdout
        assert not any(character in done.stdout for character in "\u202e\u200b\x1b")
    exported = invoke("export", "-", "--data-dir", str(data_dir)).stdout
    assert not any(character in exported for character in "\u202e\u200b\x1b")
    assert json.loads(exported)["task_description"] == "fix\u202e\u200b the login"


def test_what_was_imported_is_found_by_its_meaning_unless_its_vectors_are_left_to_a_server(
    invoke: Invoke, home: Path, data_dir: Path
) -> None:
    lines(home / "a.jsonl", {"task_description": "redirect users once their session expired"})
    where = ("--data-dir", str(data_dir))
    left = invoke("import", "jsonl", "a.jsonl", "--no-embed", *where)
    assert "1 execution can't be found by meaning yet" in left.stdout
    assert "mcp-learning generate-embeddings" in left.stdout
    report = reported(invoke, data_dir, "import", "jsonl", "a.jsonl")
    assert (report["created"], report["embedded"], report["pending"]) == (0, 1, 0)
    found = reported(
        invoke, data_dir, "similar", "send people on to the login when they are logged out"
    )
    assert [match["matched_by"] for match in found["matches"]] == ["meaning"]


def test_a_dry_run_shows_a_sample_without_secrets_and_makes_no_database(
    invoke: Invoke, home: Path, data_dir: Path
) -> None:
    lines(home / "a.jsonl", {"task_description": f"push with {SECRET}"}, *tasks(9), "bad")
    done = invoke("import", "jsonl", "a.jsonl", "--dry-run", "--data-dir", str(data_dir))
    assert done.exit_code == 0, done.stderr
    assert "10 would be new" in done.stdout
    assert "1 secret would be removed" in done.stdout
    assert "push with [redacted:" in done.stdout
    assert SECRET not in done.stdout
    assert "mend part 3" in done.stdout
    assert "mend part 4" not in done.stdout
    assert "line 11: not a JSON object" in done.stdout
    assert not data_dir.exists()


def test_a_dry_run_counts_as_the_import_does_what_is_twice_in_a_source(
    invoke: Invoke, home: Path, data_dir: Path
) -> None:
    lines(home / "a.jsonl", *tasks(600), *tasks(5))  # in two batches
    for how in (["--dry-run"], []):
        words = ("import", "jsonl", "a.jsonl", "--json", "--no-embed", *how)
        done = invoke(*words, "--data-dir", str(data_dir))
        report = json.loads(done.stdout)
        assert (report["read"], report["created"], report["unchanged"]) == (605, 600, 5)


@contextmanager
def import_stopped(
    home: Path, data_dir: Path, *, ignored: tuple[signal.Signals, ...] = ()
) -> Iterator["subprocess.Popen[str]"]:
    """An import of 1,700 executions that has stored 1,000 and waits before its third batch."""
    lines(home / "a.jsonl", *tasks(1_700))
    command = [sys.executable, "-c", STOPPED, "import", "jsonl", str(home / "a.jsonl")]
    with started(
        [*command, "--data-dir", str(data_dir)],
        ignored=ignored,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    ) as stopped:
        assert stopped.stdout is not None
        assert stopped.stdout.readline() == "two batches\n"
        yield stopped


def assert_interrupted(stderr: str) -> None:
    assert "interrupted" in stderr
    assert "1,000 executions imported before; the same command again goes on" in stderr
    assert "Traceback" not in stderr


@pytest.mark.parametrize(("how", "status"), [(signal.SIGINT, 130), (signal.SIGKILL, -9)])
def test_an_interrupted_import_left_whole_batches_and_goes_on_when_it_is_run_again(
    invoke: Invoke, home: Path, data_dir: Path, how: signal.Signals, status: int
) -> None:
    with import_stopped(home, data_dir) as stopped:
        stopped.send_signal(how)
        _, stderr = stopped.communicate(timeout=60)
    assert stopped.returncode == status
    if how is not signal.SIGKILL:
        assert_interrupted(stderr)
    assert rows(data_dir, "SELECT count(*) FROM executions") == [(1_000,)]
    again = reported(invoke, data_dir, "import", "jsonl", "a.jsonl", "--no-embed")
    assert counts(again) == (700, 0, 1_000, 0)


def test_an_import_in_the_background_ignores_an_interrupt_of_the_terminal_and_can_be_terminated(
    home: Path, data_dir: Path
) -> None:
    with import_stopped(home, data_dir, ignored=(signal.SIGINT,)) as stopped:
        stopped.send_signal(signal.SIGINT)
        stopped.send_signal(signal.SIGTERM)
        _, stderr = stopped.communicate(timeout=60)
    assert stopped.returncode == 143
    assert_interrupted(stderr)
    assert rows(data_dir, "SELECT count(*) FROM executions") == [(1_000,)]


STOPPED = """
import anyio
from mcp_learning.service.learning import LearningService
really, batches = LearningService.import_batch, []
async def import_batch(self, request):
    if len(batches) == 2:
        print("two batches", flush=True)
        await anyio.sleep_forever()
    batches.append(await really(self, request))
    return batches[-1]
LearningService.import_batch = import_batch
from mcp_learning.cli import main
main()
"""
"""The command, which stops before its third batch."""


def test_what_can_not_be_done_is_one_line_and_a_status(
    invoke: Invoke, home: Path, data_dir: Path
) -> None:
    (home / "binary.jsonl").write_bytes(os.urandom(50_000))
    (home / "there.jsonl").write_text("kept")
    (home / "damaged.duckdb").write_bytes(os.urandom(50_000))
    reported(invoke, data_dir, "import", "jsonl", str(lines(home / "one.jsonl", *tasks(1))))
    for arguments, status, words in (
        (("import", "jsonl", "binary.jsonl"), 1, "nothing could be imported from binary.jsonl"),
        (("import", "duckdb", "damaged.duckdb"), 1, "not a DuckDB database"),
        (("import", "duckdb", str(data_dir / "learning.duckdb")), 1, "database to import into"),
        (("import", "letters", "a"), 2, "SOURCE: letters is none of claude-code, codex"),
        (("export", "there.jsonl"), 1, "there.jsonl exists; give another name, or --force"),
    ):
        done = invoke(*arguments, "--data-dir", str(data_dir))
        assert done.exit_code == status, (arguments, done.stderr)
        assert words in done.stderr
        assert len(done.stderr.splitlines()) == 1
    assert (home / "there.jsonl").read_text() == "kept"
    assert not [file for file in home.iterdir() if ".part" in file.name]
    assert rows(data_dir, "SELECT count(*) FROM executions") == [(1,)]
