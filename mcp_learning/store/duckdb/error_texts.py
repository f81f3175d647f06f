r"""All SQL about failures: error texts made alike, how often each occurred, and what ended it.

The texts are normalised here and not in Python, so that a hundred thousand failures leave the
database as some hundred different texts. In this order:

1. One line is kept: the last one of a Python traceback, else the first that tells of an error (with
   the next, if it ends in a colon), else the first.
2. Values are replaced: URLs, quoted text, UUIDs, hexadecimal numbers, paths, free-standing numbers.
   Digits that are part of a word stay: TS2304 and TS2345 are different errors.
3. White space becomes one space; 200 characters are kept.
"""

from collections.abc import Sequence
from datetime import UTC
from typing import Any
from uuid import UUID

from mcp_learning.store.duckdb.connection import Cursor
from mcp_learning.store.duckdb.statistics import within
from mcp_learning.store.types import ErrorText, ErrorTexts, Period

_EXTENSIONS = (
    "pyi?|ipynb|jsx?|tsx?|mjs|cjs|vue|java|kt|go|rs|rb|php|cc?|cpp|hp?p?|cs|swift|scala|sql|sh|"
    "json|ya?ml|toml|xml|html?|s?css|md|txt|log|csv|lock|cfg|ini|o|so|dll|exe|jar"
)
_VALUES = (
    (r"\b\w+://[^\s''\"<>)]+", "<url>"),
    (r"(^|[\s(\[{=:,])(''[^'']*''|\"[^\"]*\"|`[^`'']*[`''])", r"\1<value>"),
    (r"\b[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}\b", "<id>"),
    (r"\b0[xX][0-9a-fA-F]+\b|\b[0-9a-f]{8,}\b", "<hex>"),
    (
        r"(?:\b[A-Za-z]:)?[\w.@+~-]*(?:[/\\][\w.@+~-]+)+[/\\]?|"
        rf"\b[\w.@+~-]*\w\.(?:{_EXTENSIONS})\b",
        "<path>",
    ),
    (r"\b\d+(?:[.,:_-]\d+)*", "<n>"),
    (r"^E\s+|\s{2,}|[\t\r\n]", " "),
)
"""Regular expressions (RE2), quotes doubled for SQL, and what replaces each of their matches."""

_TELLING = (
    r"(?i)[^\n]*(?:error|err!|exception|panicked|fatal|fail|denied|refused|cannot|can''t|not found|"
    r"timed out)(?:[^\n]*:[ \t]*\n[^\n]+|[^\n]*)"
)
_LINE = rf"""CASE
    WHEN NOT contains(trim(error_message), chr(10)) THEN left(error_message, 1000)
    WHEN contains(left(error_message, 4000), 'Traceback (most recent call last)')
        THEN regexp_extract(right(rtrim(error_message, E' \n\t\r'), 1000), '[^\n]+$')
    ELSE coalesce(
        nullif(regexp_extract(left(error_message, 4000), '{_TELLING}'), ''),
        regexp_extract(left(ltrim(error_message, E' \n\t\r'), 1000), '^[^\n]+'))
    END"""


def _normalised() -> str:
    text = _LINE
    for pattern, replacement in _VALUES:
        text = f"regexp_replace({text}, '{pattern}', '{replacement}', 'g')"
    return f"left(trim({text}), 200)"


# One pass over the runs of each task finds what follows each failure: a join would compare all with
# all, and an ASOF join takes twenty times as long. Texts join after that, so as not to be sorted;
# equal messages are normalised once.
_ERRORS = f"""
WITH ended AS (
    SELECT task_id, timestamp, task_key, coalesce(repo, '') AS repo, success,
        CASE WHEN success AND solution_summary IS NOT NULL
            THEN struct_pack(at := timestamp, task_id := task_id) END AS solved
    FROM executions WHERE success IS NOT NULL AND {{period}}
),
followed AS (
    SELECT task_id, first_value(solved IGNORE NULLS) OVER (
        PARTITION BY task_key, repo ORDER BY timestamp, success DESC, task_id
        ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING
    ) AS fix
    FROM ended
),
messages AS MATERIALIZED (
    SELECT error_message, nullif({_normalised()}, '') AS text FROM (
        SELECT DISTINCT error_message FROM executions
        WHERE NOT success AND error_message IS NOT NULL AND {{period}}
    )
),
failed AS (
    SELECT x.task_id, x.timestamp, x.error_type,
        coalesce(m.text, x.error_type, 'no error recorded') AS text
    FROM executions x LEFT JOIN messages m USING (error_message)
    WHERE NOT x.success AND {{period}}
)
SELECT text, mode(error_type ORDER BY error_type), count(*), count(fix),
    max(struct_pack(at := timestamp, task_id := task_id), {{examples}}),
    max(struct_pack(at := fix.at, task_id := fix.task_id, after := epoch(fix.at - timestamp)),
        {{fixes}}) FILTER (fix IS NOT NULL),
    sum(count(*)) OVER ()
FROM failed JOIN followed USING (task_id)
GROUP BY text ORDER BY count(*) DESC, text LIMIT ?
"""

# Only the successes that came next are compared: a fix comes soon, and thousands of vectors don't.
# Vectors join last, so that the window sorts none.
_SIMILAR = """
WITH failed AS (
    SELECT task_id, repo, task_type, timestamp FROM executions
    WHERE task_id IN (SELECT unnest(string_split(?, ',')::UUID[])) AND repo IS NOT NULL
),
candidates AS (
    SELECT f.task_id AS failure, s.task_id
    FROM failed f JOIN executions s
        ON s.repo = f.repo AND s.task_type = f.task_type AND s.timestamp > f.timestamp
    WHERE s.success AND s.solution_summary IS NOT NULL
    QUALIFY row_number() OVER (PARTITION BY f.task_id ORDER BY s.timestamp, s.task_id) <= ?
)
SELECT failure, max(struct_pack(cosine := cosine, task_id := task_id)).task_id FROM (
    SELECT c.failure, c.task_id, array_cosine_similarity(a.embedding, b.embedding) AS cosine
    FROM candidates c JOIN embeddings a ON a.task_id = c.failure
        JOIN embeddings b ON b.task_id = c.task_id AND b.model = a.model
)
WHERE cosine >= ? GROUP BY 1
"""


def error_texts(
    cursor: Cursor, period: Period, limit: int, *, examples: int, fixes: int
) -> ErrorTexts:
    """The `limit` commonest error texts of the failures of a period."""
    where, values = within(period)
    query = _ERRORS
    for name, value in {"period": where, "examples": int(examples), "fixes": int(fixes)}.items():
        query = query.replace(f"{{{name}}}", str(value))
    rows = cursor.execute(query, [*values * 3, limit]).fetchall()
    return ErrorTexts(
        commonest=[_error_text(row) for row in rows],
        failures=int(rows[0][6]) if rows else 0,
    )


def _error_text(row: Sequence[Any]) -> ErrorText:
    text, error_type, count, fixed, examples, fixes = row[:6]
    return ErrorText(
        text=text,
        error_type=error_type,
        count=count,
        fixed=fixed,
        examples=tuple((one["at"].replace(tzinfo=UTC), one["task_id"]) for one in examples),
        fixes=tuple((one["after"], one["task_id"]) for one in fixes or ()),
    )


def normalise(cursor: Cursor, message: str) -> str:
    """An error message as it is grouped; empty if it has no text."""
    row = cursor.execute(
        f"SELECT {_normalised()} FROM (SELECT ? AS error_message)", [message]
    ).fetchone()
    return (row and row[0]) or ""


def similar_successes(
    cursor: Cursor, failures: Sequence[UUID], *, nearest: int, least: float
) -> dict[UUID, UUID]:
    """By failure the most similar later success of the same repo and task type, if one is near.

    Args:
        cursor: To read with.
        failures: Their task_ids; those without a repo or a vector have no answer.
        nearest: How many of the successes that came next are compared.
        least: Smallest cosine of the two descriptions' vectors, -1..1.
    """
    if not failures:
        return {}
    ids = ",".join(map(str, failures))
    return dict(cursor.execute(_SIMILAR, [ids, nearest, least]).fetchall())


def solutions(cursor: Cursor, task_ids: Sequence[UUID], longest: int) -> dict[UUID, str]:
    """Solution summaries of these executions, as far as they have one, clipped to `longest`."""
    if not task_ids:
        return {}
    rows = cursor.execute(
        "SELECT task_id, left(solution_summary, ?) FROM executions "
        "WHERE task_id IN (SELECT unnest(string_split(?, ',')::UUID[])) "
        "AND solution_summary IS NOT NULL",
        [longest, ",".join(map(str, task_ids))],
    ).fetchall()
    return dict(rows)
