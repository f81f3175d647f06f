-- ANALYZE keeps samples of what a column holds, also of what is forgotten afterwards. No query is
-- planned by these.
ALTER TABLE mcpl.executions ALTER COLUMN doc SET STATISTICS 0;
ALTER TABLE mcpl.feedback ALTER COLUMN doc SET STATISTICS 0;
ALTER TABLE mcpl.lessons ALTER COLUMN doc SET STATISTICS 0;
