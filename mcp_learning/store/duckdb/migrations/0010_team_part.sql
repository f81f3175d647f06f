-- Which part of what the team has was read up to the mark; another part is read from the beginning.
ALTER TABLE team_mark ADD COLUMN part VARCHAR DEFAULT '';
