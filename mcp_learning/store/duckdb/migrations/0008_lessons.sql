-- What many executions taught, in a sentence. `lesson_key` is the same for the same finding; NULL
-- where somebody told it. Few rows, and one writer that knows all of them: no indexes.
CREATE TABLE lessons (
    lesson_id     UUID NOT NULL,
    lesson_key    VARCHAR,
    kind          VARCHAR NOT NULL,
    origin        VARCHAR NOT NULL,
    status        VARCHAR NOT NULL,
    pinned        BOOLEAN NOT NULL,
    applies_when  VARCHAR NOT NULL,
    do_this       VARCHAR,
    avoid_this    VARCHAR,
    repo          VARCHAR,
    task_type     VARCHAR,
    gain          DOUBLE,
    gain_low      DOUBLE,
    gain_high     DOUBLE,
    created_at    TIMESTAMP NOT NULL,
    updated_at    TIMESTAMP NOT NULL,
    worded_at     TIMESTAMP NOT NULL
);

-- The executions that a lesson rests on. One that is forgotten takes its lessons along.
CREATE TABLE lesson_evidence (
    lesson_id  UUID NOT NULL,
    task_id    UUID NOT NULL
);

-- Append-only.
CREATE TABLE lesson_changes (
    lesson_id   UUID NOT NULL,
    changed_at  TIMESTAMP NOT NULL,
    change      VARCHAR NOT NULL,
    decided_by  VARCHAR NOT NULL,
    reason      VARCHAR
);

-- To which tasks a lesson was shown, and from which it was withheld by lot; `task_id` is the
-- execution that the task became, and the words of the question are kept only until it is known.
CREATE TABLE lesson_showings (
    lesson_id   UUID NOT NULL,
    unit        VARCHAR NOT NULL,
    shown       BOOLEAN NOT NULL,
    shown_at    TIMESTAMP NOT NULL,
    task_key    BIGINT NOT NULL,
    question    VARCHAR,
    repo        VARCHAR,
    session_id  VARCHAR,
    task_id     UUID
);
