"""Databases as the original design left them: 27 columns, and an HNSW index on the very table.

`python legacy_files.py FILE` makes one whose log was never merged, as a killed process leaves it.
"""

import os
import sys
from pathlib import Path

import duckdb

from mcp_learning.search import vss

COLUMNS = """
    task_id UUID PRIMARY KEY, timestamp TIMESTAMP NOT NULL, task_type VARCHAR NOT NULL,
    task_description VARCHAR NOT NULL, embedding {vectors}, repo VARCHAR, file_count INTEGER,
    estimated_tokens INTEGER, model_tier VARCHAR, pool_type VARCHAR, swarm_topology VARCHAR,
    routing_confidence FLOAT, complexity_score FLOAT, success BOOLEAN, duration_seconds FLOAT,
    quality_score FLOAT, cost_estimate FLOAT, actual_cost FLOAT, error_type VARCHAR,
    error_message VARCHAR, user_accepted BOOLEAN, user_rating INTEGER, peak_memory_mb FLOAT,
    cpu_time_seconds FLOAT, solution_summary VARCHAR, metadata JSON, uploaded_at TIMESTAMP
"""
"""What the original design's table has; the type of its vectors is left open."""

ROWS = """
    INSERT INTO executions BY NAME SELECT
        ('00000000-0000-4000-8000-' || lpad(i::VARCHAR, 12, '0'))::UUID AS task_id,
        TIMESTAMP '2024-03-01 10:00:00.25' + INTERVAL (i) MINUTE AS timestamp,
        CASE WHEN i % 2 = 0 THEN 'bug_fix' ELSE 'feature' END AS task_type,
        'mend part ' || i AS task_description,
        {vector}
        'owner/pump' AS repo, i % 7 AS file_count, 'sonnet' AS model_tier,
        CASE i % 3 WHEN 0 THEN true WHEN 1 THEN false END AS success,
        0.5 AS duration_seconds, 0.25 AS actual_cost,
        CASE WHEN i % 3 = 1 THEN 'timeout' END AS error_type,
        CASE WHEN i % 3 = 0 THEN 'tighten bolt ' || i END AS solution_summary,
        '{{"shift": "night"}}' AS metadata
    FROM range(?) t(i)
"""


def make(
    path: Path,
    rows: int = 600,
    *,
    vectors: str | None = "FLOAT[384]",
    length: int = 384,
    index: bool = True,
    leave: bool = False,
) -> None:
    """Makes such a file.

    Args:
        path: New.
        rows: Executions 0 to rows - 1; their numbers are in id, minute and description.
        vectors: Type of the column `embedding`; None: there is no such column.
        length: Of the vectors; the first row has none.
        index: Whether there is an HNSW index; `vectors` has to have a fixed length.
        leave: End the process, with the index and one more execution in the log alone.
    """
    connection = vss.connect(path)
    connection.execute("SET hnsw_enable_experimental_persistence = true")
    connection.execute("SET checkpoint_threshold = '1TB'")
    columns = COLUMNS.format(vectors=vectors)
    if vectors is None:
        columns = columns.replace("embedding None, ", "")
    connection.execute(f"CREATE TABLE executions ({columns})")
    vector = (
        ""
        if vectors is None
        else f"(CASE WHEN i > 0 THEN list_transform(range({length}), k -> sin(i + k)::FLOAT) END)"
        f"::{vectors} AS embedding,"
    )
    connection.execute(ROWS.format(vector=vector), [rows])
    connection.execute("CHECKPOINT")
    if index:
        connection.execute(
            "CREATE INDEX executions_hnsw ON executions USING HNSW (embedding) "
            "WITH (metric = 'cosine')"
        )
    if leave:
        connection.execute(
            "INSERT INTO executions BY NAME SELECT uuid() AS task_id, "
            "now()::TIMESTAMP AS timestamp, 'feature' AS task_type, "
            "'mend part ' || ? AS task_description",
            [rows],
        )
        os._exit(0)
    connection.close()


def break_index(path: Path) -> None:
    """Overwrites what belongs to indexes: every block that holds neither rows nor the catalog."""
    with duckdb.connect(str(path), read_only=True) as connection:
        kept = {
            block
            for block, more in connection.execute(
                "SELECT block_id, additional_block_ids FROM pragma_storage_info('executions')"
            ).fetchall()
            for block in (block, *(more or ()))
        }
        kept |= {
            row[0]
            for row in connection.execute("SELECT block_id FROM pragma_metadata_info()").fetchall()
        }
        size = connection.execute("PRAGMA database_size").fetchone()
    assert size is not None
    block_size, total = int(size[2]), int(size[3])
    with path.open("r+b") as file:
        for block in range(total):
            if block not in kept:
                file.seek(3 * 4096 + block * block_size)
                file.write(b"\xab" * block_size)


if __name__ == "__main__":
    make(Path(sys.argv[1]), leave=True)
