"""What goes in as a secret, over stdio or by an import, is in no file and no column afterwards."""

import json
import re
from pathlib import Path

import duckdb
from cli.conftest import invoked
from process.wire import Server
from redaction import corpus
from service.examples import all_bytes

from mcp_learning.settings import Settings


def command(*arguments: object, data_dir: Path) -> None:
    done = invoked(*map(str, arguments), MCP_LEARNING_DATA_DIR=str(data_dir))
    assert done.exit_code == 0, done.output


def all_values(database: Path) -> str:
    """Every column of every table but vectors: the file itself may hold them compressed."""
    with duckdb.connect(str(database), read_only=True) as connection:
        tables = connection.execute(
            "SELECT schema_name, table_name FROM duckdb_tables() WHERE NOT internal"
        ).fetchall()
        return "\n".join(
            repr([value for value in row if not isinstance(value, tuple)])  # which vectors are
            for schema, table in tables
            for row in connection.execute(f'FROM "{schema}"."{table}"').fetchall()
        )


def texts(content: bytes) -> str:
    """What of files can hold parts of secrets, which are of printable characters."""
    return "\n".join(re.findall("[ -~]{7,}", content.decode("latin-1")))


def test_no_secret_is_in_any_file_or_column_after_calls_and_an_import(tmp_path: Path) -> None:
    told, imported = corpus.secrets(seed=11), corpus.secrets(seed=12)
    data_dir, seen = tmp_path / "data", []
    with Server(data_dir) as server:
        server.initialize()
        for number in range(0, len(told), 8):
            first, second, last, *others = (told[(number + i) % len(told)].text for i in range(8))
            result = server.call(
                "record_execution",
                task_type="bug_fix",
                outcome="failure",
                task_description=f"Task {number} fails with: {first}",
                error_message=second,
                details={"metadata": {"log": others}},
            )
            task_id = result["structuredContent"]["task_id"]
            server.call("submit_feedback", task_id=task_id, comment=last)
        seen.append(json.dumps(server.call("find_similar_tasks", task_description=told[0].text)))
        lines = [{"task_description": s.text, "solution_summary": s.text} for s in imported]
        source = tmp_path / "tasks.jsonl"
        source.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
        command("import", "jsonl", source, data_dir=data_dir)
        command("backup", tmp_path / "backup.duckdb", data_dir=data_dir)
        seen.append(texts(all_bytes(data_dir)))  # the log holds rows in plain text
        assert server.leave()[0] == 0
    seen += [texts(all_bytes(data_dir)), texts((tmp_path / "backup.duckdb").read_bytes())]
    database = Settings.load(data_dir=data_dir).database_path
    values = all_values(database)
    seen += [values, all_values(tmp_path / "backup.duckdb")]

    assert "Task 0 fails with" in seen[-5]
    assert values.count("[redacted:") >= len(told) + 2 * len(imported)
    everything = "\n".join(seen)
    left = {
        sample.name: [part for part in corpus.is_left(sample, everything) if len(part) >= 7]
        for sample in (*told, *imported)  # shorter parts occur by chance
    }
    assert {name: parts for name, parts in left.items() if parts} == {}
