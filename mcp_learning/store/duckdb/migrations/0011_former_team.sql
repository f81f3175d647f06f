-- Executions and lessons that others wrote in a team that this host has left: they stay here, and
-- belong to no team until one turns out to have them.
CREATE TABLE former_team (
    task_id  UUID NOT NULL,
    left_at  TIMESTAMP NOT NULL
);

-- The roles under which this host has written to its team; what they wrote is its own when it leaves.
CREATE TABLE team_roles (role VARCHAR PRIMARY KEY);
INSERT INTO team_roles SELECT role FROM team_mark;
