-- Roles for a team's store, made once by a superuser, or by what a managed PostgreSQL has in its
-- place, in the database that will hold it (here `learning`):
--
--     psql -d learning -f roles.sql
--     \password owner            in psql, and so on: no password stands in a file
--
-- Then `mcp-learning team init --member ada --member ben --reader dashboard`, as `owner`.

-- Owns the schema, and runs `team init` and `team upgrade`. Row security doesn't bind an owner, so
-- no agent has this role. It may neither make roles nor databases.
CREATE ROLE owner LOGIN;
GRANT CREATE ON DATABASE learning TO owner;

-- Has the rights that all members need. `team init` makes it where it is missing, if it may.
CREATE ROLE mcpl_member NOLOGIN;
GRANT mcpl_member TO owner WITH ADMIN OPTION;

-- One role for each person or group of agents: it is the author of what is recorded under it.
CREATE ROLE ada LOGIN;
CREATE ROLE ben LOGIN;
CREATE ROLE dashboard LOGIN;
