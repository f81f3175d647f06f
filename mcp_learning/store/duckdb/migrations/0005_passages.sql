-- Vectors of the further passages of long descriptions are in tables of their own, which are made
-- beside those of the first vectors. What may have several passages is embedded again.
DELETE FROM embeddings WHERE task_id IN (
    SELECT task_id FROM executions WHERE strlen(task_description) > 1000
);
DELETE FROM embeddings_next WHERE task_id IN (
    SELECT task_id FROM executions WHERE strlen(task_description) > 1000
);
