-- How an outcome is known (told, user, tests, git, ci, none) and how sure that is, 0 to 1.
ALTER TABLE executions ADD COLUMN outcome_basis VARCHAR;
ALTER TABLE executions ADD COLUMN outcome_confidence DOUBLE;

-- The agent's session, and the earlier execution whose result this one replaces.
ALTER TABLE executions ADD COLUMN session_id VARCHAR;
ALTER TABLE executions ADD COLUMN supersedes UUID;

CREATE OR REPLACE VIEW runs AS
SELECT
    task_id, timestamp AS recorded_at, updated_at, repo, task_type, task_description, approach,
    model_tier, pool_type, swarm_topology,
    CASE WHEN success THEN 'success' WHEN success IS NULL THEN 'pending' ELSE 'failure' END AS outcome,
    solution_summary, error_type, error_message, duration_seconds, actual_cost AS cost_usd,
    quality_score, task_key, metadata, outcome_basis, outcome_confidence, session_id, supersedes
FROM executions;
