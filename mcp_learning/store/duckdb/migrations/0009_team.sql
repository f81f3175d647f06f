-- Who recorded an execution that the team has: the role there. NULL: this host alone has it.
ALTER TABLE executions ADD COLUMN author VARCHAR;

-- What is still to be sent to the team, in order; and for a day what was sent, since the team's
-- server may lose the last commits when another takes its place. Empty without a team.
CREATE TABLE outbox (
    number   BIGINT NOT NULL,
    kind     VARCHAR NOT NULL,
    task_id  UUID NOT NULL,
    fields   JSON,
    made_at  TIMESTAMP NOT NULL,
    sent_at  TIMESTAMP,
    change   BIGINT              -- the team's number of it
);
CREATE SEQUENCE outbox_number;

-- How far the team's changes are in this database; one row, or none without a team.
CREATE TABLE team_mark (
    team      VARCHAR NOT NULL,
    epoch     VARCHAR NOT NULL,
    change    BIGINT NOT NULL,
    sweeping  BOOLEAN NOT NULL,
    role      VARCHAR NOT NULL
);
