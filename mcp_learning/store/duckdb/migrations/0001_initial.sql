-- Columns of the original design come first, in its order; then what this version adds.
-- Times are UTC. A row without an outcome yet has success = NULL.
-- Ids are kept uncompressed: unpacking ten thousand to find five takes half of a search's query.
CREATE TABLE executions (
    task_id             UUID USING COMPRESSION Uncompressed PRIMARY KEY,
    timestamp           TIMESTAMP NOT NULL,
    task_type           VARCHAR NOT NULL,
    task_description    VARCHAR NOT NULL,
    repo                VARCHAR,
    file_count          INTEGER,
    estimated_tokens    BIGINT,
    model_tier          VARCHAR,
    pool_type           VARCHAR,
    swarm_topology      VARCHAR,
    routing_confidence  DOUBLE,
    complexity_score    DOUBLE,
    success             BOOLEAN,
    duration_seconds    DOUBLE,
    quality_score       DOUBLE,
    cost_estimate       DOUBLE,
    actual_cost         DOUBLE,
    error_type          VARCHAR,
    error_message       VARCHAR,
    user_accepted       BOOLEAN,
    user_rating         INTEGER,
    peak_memory_mb      DOUBLE,
    cpu_time_seconds    DOUBLE,
    solution_summary    VARCHAR,
    metadata            JSON,
    uploaded_at         TIMESTAMP,
    approach            VARCHAR,
    updated_at          TIMESTAMP NOT NULL,
    sequence            BIGINT NOT NULL,   -- number of the last change to this row
    task_key            BIGINT NOT NULL    -- the same for all runs of a task
);

-- One number per change: derived indexes follow the truth by it.
CREATE SEQUENCE execution_sequence;

-- One row per embedded execution. A changed description deletes the row; the embedding queue is
-- simply the executions without one. `version` never repeats, so an index that holds a version
-- which is gone from here holds a dead entry.
CREATE TABLE embeddings (
    task_id    UUID USING COMPRESSION Uncompressed NOT NULL,
    version    BIGINT NOT NULL,
    embedding  FLOAT[384] NOT NULL,
    model      VARCHAR NOT NULL
);

CREATE SEQUENCE embedding_version;

-- Vectors of the model that is to come, while a re-embed is under way; empty otherwise.
CREATE TABLE embeddings_next (
    task_id    UUID USING COMPRESSION Uncompressed NOT NULL,
    version    BIGINT NOT NULL,
    embedding  FLOAT[384] NOT NULL,
    model      VARCHAR NOT NULL
);

-- Append-only.
CREATE TABLE feedback (
    feedback_id   UUID PRIMARY KEY,
    task_id       UUID NOT NULL,
    submitted_at  TIMESTAMP NOT NULL,
    rating        INTEGER,
    accepted      BOOLEAN,
    helpful       BOOLEAN,
    issue_type    VARCHAR,
    comment       VARCHAR
);

-- Which earlier execution helped which later one; how that one ended is its own outcome.
CREATE TABLE recalls (
    task_id           UUID NOT NULL,
    recalled_task_id  UUID NOT NULL,
    recorded_at       TIMESTAMP NOT NULL,
    PRIMARY KEY (task_id, recalled_task_id)
);
