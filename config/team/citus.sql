-- NOT RUN by the authors: a starting point for spreading teams over a Citus cluster (12 or newer),
-- to be tried on a copy. Simpler, and tested: teams need nothing of each other, so some of them can
-- have a database or a server of their own, which is another MCP_LEARNING_TEAM_URL.
--
-- On the coordinator, as the schema's owner, after `mcp-learning team init` for every team: it makes
-- no further ones afterwards, since their names aren't unique any more.
CREATE EXTENSION IF NOT EXISTS citus;
SET citus.enable_unsafe_triggers = on;  -- those on executions and searched change rows of the same team

-- A unique constraint has to contain the column of distribution, and no reference table may refer to
-- a distributed one.
ALTER TABLE mcpl.members DROP CONSTRAINT members_team_fkey;
ALTER TABLE mcpl.teams DROP CONSTRAINT teams_name_key;

SELECT create_reference_table('mcpl.members');
SELECT create_distributed_table('mcpl.teams', 'team');
SELECT create_distributed_table('mcpl.servers', 'team', colocate_with => 'mcpl.teams');
SELECT create_distributed_table('mcpl.executions', 'team', colocate_with => 'mcpl.teams');
SELECT create_distributed_table('mcpl.vectors', 'team', colocate_with => 'mcpl.teams');
SELECT create_distributed_table('mcpl.feedback', 'team', colocate_with => 'mcpl.teams');
SELECT create_distributed_table('mcpl.uses', 'team', colocate_with => 'mcpl.teams');
SELECT create_distributed_table('mcpl.lessons', 'team', colocate_with => 'mcpl.teams');
SELECT create_distributed_table('mcpl.searched', 'team', colocate_with => 'mcpl.teams');
SELECT create_distributed_table('mcpl.frequencies', 'team', colocate_with => 'mcpl.teams');
SELECT create_distributed_table('mcpl.read_in_marks', 'team', colocate_with => 'mcpl.teams');

-- A team's counter and its rows are then on one node, and a push is one transaction there.
SELECT create_distributed_function(
    'mcpl.advance(uuid, int, int)', 'wanted_team', colocate_with => 'mcpl.teams');
SELECT create_distributed_function(
    'mcpl.push(uuid, int, int, jsonb)', 'wanted_team', colocate_with => 'mcpl.teams');

-- To look at before it is used: whether row policies are on the shards (SELECT * FROM pg_policies on
-- each worker), whether triggers of a statement with all its rows, as on mcpl.searched, work there, whether the statements in mcpl.push are all sent to one shard (citus.log_remote_commands), and
-- that a worker which fails over is noticed: the timeline that hosts compare is the coordinator's.
