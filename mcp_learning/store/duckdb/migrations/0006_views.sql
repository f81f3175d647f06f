-- For people who ask questions of their own in SQL (docs/sql.md): executions, feedback and uses with
-- the names that tools and commands have for them. Nothing of this package reads them.
CREATE VIEW runs AS
SELECT
    task_id, timestamp AS recorded_at, updated_at, repo, task_type, task_description, approach,
    model_tier, pool_type, swarm_topology,
    CASE WHEN success THEN 'success' WHEN success IS NULL THEN 'pending' ELSE 'failure' END AS outcome,
    solution_summary, error_type, error_message, duration_seconds, actual_cost AS cost_usd,
    quality_score, task_key, metadata
FROM executions;

CREATE VIEW judgements AS
SELECT
    f.task_id, f.submitted_at, f.rating, f.accepted, f.helpful, f.issue_type, f.comment,
    r.task_type, r.approach, r.outcome
FROM feedback f JOIN runs r USING (task_id);

CREATE VIEW reuse AS
SELECT
    u.recorded_at, later.task_id, later.outcome, later.task_description,
    earlier.task_id AS used_task_id, earlier.outcome AS used_outcome,
    earlier.task_description AS used_description
FROM uses u
JOIN runs later ON later.task_id = u.task_id
JOIN runs earlier ON earlier.task_id = u.used_task_id;
