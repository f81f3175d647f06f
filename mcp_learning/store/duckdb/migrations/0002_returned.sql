-- How often an execution was part of an answer, whether or not it was used then: `recalls` has the
-- uses. No task is known at the time of an answer, so an answer only counts.
CREATE TABLE returned (
    task_id  UUID PRIMARY KEY,
    times    BIGINT NOT NULL,
    last_at  TIMESTAMP NOT NULL
);
