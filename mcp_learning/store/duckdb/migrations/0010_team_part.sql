-- Which part of what the team has was read up to the mark; another part is read from the beginning.
ALTER TABLE team_mark ADD COLUMN part VARCHAR DEFAULT '';

-- Executions that are here since a question was about them, and not as a part of what is to be here.
CREATE TABLE fetched (task_id UUID NOT NULL);
