-- Which earlier execution helped which later one; how that one ended is its own outcome.
ALTER TABLE recalls RENAME COLUMN recalled_task_id TO used_task_id;
ALTER TABLE recalls RENAME TO uses;

-- How often an execution was part of an answer, whether or not it was used then.
ALTER TABLE returned RENAME TO recall_counts;

-- The normal form of error_message: the same for occurrences of one error. NULL without a message.
ALTER TABLE executions ADD COLUMN error_text VARCHAR;
