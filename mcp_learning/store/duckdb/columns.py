"""The columns of each table that are written from here, with their SQL types."""

EXECUTION_TYPES = {
    "task_id": "UUID",
    "timestamp": "TIMESTAMP",
    "task_type": "VARCHAR",
    "task_description": "VARCHAR",
    "repo": "VARCHAR",
    "file_count": "INTEGER",
    "estimated_tokens": "BIGINT",
    "model_tier": "VARCHAR",
    "pool_type": "VARCHAR",
    "swarm_topology": "VARCHAR",
    "routing_confidence": "DOUBLE",
    "complexity_score": "DOUBLE",
    "success": "BOOLEAN",
    "duration_seconds": "DOUBLE",
    "quality_score": "DOUBLE",
    "cost_estimate": "DOUBLE",
    "actual_cost": "DOUBLE",
    "error_type": "VARCHAR",
    "error_message": "VARCHAR",
    "user_accepted": "BOOLEAN",
    "user_rating": "INTEGER",
    "peak_memory_mb": "DOUBLE",
    "cpu_time_seconds": "DOUBLE",
    "solution_summary": "VARCHAR",
    "metadata": "JSON",
    "uploaded_at": "TIMESTAMP",
    "approach": "VARCHAR",
    "updated_at": "TIMESTAMP",
    "outcome_basis": "VARCHAR",
    "outcome_confidence": "DOUBLE",
    "session_id": "VARCHAR",
    "supersedes": "UUID",
    "author": "VARCHAR",
}
"""Columns of `executions` that hold what was recorded; `timestamp` is when."""

COMPUTED_TYPES = {"task_key": "BIGINT", "error_text": "VARCHAR"}
"""Those that are computed from the others at every write."""

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
"""Names of tables and columns before schema version 3, by those of today."""
