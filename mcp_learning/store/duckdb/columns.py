"""The columns of the tables that this package writes, with their SQL types."""

_LABELS = ("repo", "approach", "model_tier", "pool_type", "swarm_topology", "error_type", "author")
_MEASURES = (
    *("routing_confidence", "complexity_score", "duration_seconds", "quality_score"),
    *("cost_estimate", "actual_cost", "peak_memory_mb", "cpu_time_seconds", "outcome_confidence"),
)

EXECUTION_TYPES = {
    **dict.fromkeys(("task_id", "supersedes"), "UUID"),
    **dict.fromkeys(("timestamp", "uploaded_at", "updated_at"), "TIMESTAMP"),
    **dict.fromkeys(("task_type", "task_description", *_LABELS), "VARCHAR"),
    **dict.fromkeys(("error_message", "solution_summary", "outcome_basis"), "VARCHAR"),
    "session_id": "VARCHAR",
    **dict.fromkeys(("file_count", "user_rating"), "INTEGER"),
    "estimated_tokens": "BIGINT",
    **dict.fromkeys(_MEASURES, "DOUBLE"),
    **dict.fromkeys(("success", "user_accepted"), "BOOLEAN"),
    "metadata": "JSON",
}
"""Recorded columns of `executions`; `timestamp` is the time of recording."""

COMPUTED_TYPES = {"task_key": "BIGINT", "error_text": "VARCHAR"}
"""Columns of `executions` that are computed from the others at every write."""

COLUMN_TYPES = EXECUTION_TYPES | COMPUTED_TYPES  # all columns of `executions` but `sequence`

FEEDBACK_TYPES = {
    "feedback_id": "UUID",
    "task_id": "UUID",
    "submitted_at": "TIMESTAMP",
    "rating": "INTEGER",
    "accepted": "BOOLEAN",
    "helpful": "BOOLEAN",
    "issue_type": "VARCHAR",
    "comment": "VARCHAR",
}
"""Columns of `feedback`."""

USE_TYPES = {"task_id": "UUID", "used_task_id": "UUID", "recorded_at": "TIMESTAMP"}
"""Columns of `uses`."""

LESSON_TYPES = {
    "lesson_id": "UUID",
    **dict.fromkeys(("lesson_key", "kind", "origin", "status"), "VARCHAR"),
    "pinned": "BOOLEAN",
    **dict.fromkeys(("applies_when", "do_this", "avoid_this", "repo", "task_type"), "VARCHAR"),
    **dict.fromkeys(("gain", "gain_low", "gain_high"), "DOUBLE"),
    **dict.fromkeys(("created_at", "updated_at", "worded_at"), "TIMESTAMP"),
}
"""Columns of `lessons`."""

LESSON_CHANGE_TYPES = {
    "lesson_id": "UUID",
    "changed_at": "TIMESTAMP",
    **dict.fromkeys(("change", "decided_by", "reason"), "VARCHAR"),
}
"""Columns of `lesson_changes`."""

SHOWING_TYPES = {
    "lesson_id": "UUID",
    "unit": "VARCHAR",
    "shown": "BOOLEAN",
    "shown_at": "TIMESTAMP",
    "task_key": "BIGINT",
    **dict.fromkeys(("question", "repo", "session_id"), "VARCHAR"),
    "task_id": "UUID",
}
"""Columns of `lesson_showings`."""

FORMER_NAMES = {"uses": "recalls", "recall_counts": "returned", "used_task_id": "recalled_task_id"}
"""Names of tables and columns before schema version 3, by their current names."""
