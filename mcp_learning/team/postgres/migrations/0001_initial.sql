-- What a team shares. Every row has a number of its own within its team, given in the transaction
-- that writes it by the team's counter: whoever has read up to a number has read all up to it.
CREATE SCHEMA mcpl;
COMMENT ON SCHEMA mcpl IS 'mcp-learning: what teams share';
GRANT USAGE ON SCHEMA mcpl TO mcpl_member;

CREATE TABLE mcpl.schema_version (
    version        int PRIMARY KEY,
    name           text NOT NULL,
    applied_at     timestamptz NOT NULL DEFAULT now(),
    contracted_at  timestamptz    -- from then on, clients that know no such version can't read
);

CREATE TABLE mcpl.teams (
    team        uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    name        text NOT NULL UNIQUE CHECK (length(name) BETWEEN 1 AND 63),
    epoch       uuid NOT NULL DEFAULT gen_random_uuid(),  -- another one: replicas begin anew
    change      bigint NOT NULL DEFAULT 0,                -- the last number that was given
    floor       bigint NOT NULL DEFAULT 0,                -- tombstones up to it may be gone
    min_client  int NOT NULL DEFAULT 1                    -- older ones read, but don't write
) WITH (fillfactor = 50);

CREATE TABLE mcpl.members (
    member     name NOT NULL,
    team       uuid NOT NULL REFERENCES mcpl.teams ON DELETE CASCADE,
    can_write  boolean NOT NULL DEFAULT true,
    PRIMARY KEY (member, team)
);

CREATE TABLE mcpl.executions (
    team        uuid NOT NULL,
    task_id     uuid NOT NULL,
    change      bigint NOT NULL,
    author      text NOT NULL DEFAULT session_user,
    visibility  text NOT NULL DEFAULT 'team' CHECK (visibility IN ('private', 'team')),
    updated_at  timestamptz NOT NULL,
    doc         jsonb,           -- NULL: forgotten, for good
    PRIMARY KEY (team, task_id)
);
CREATE UNIQUE INDEX ON mcpl.executions (team, change);
CREATE INDEX ON mcpl.executions (team, visibility, author) WHERE doc IS NOT NULL;  -- small: they are counted by it

-- Apart from executions: beside them, a change of any column would write the vector anew.
CREATE TABLE mcpl.vectors (
    team       uuid NOT NULL,
    task_id    uuid NOT NULL,
    part       int NOT NULL,     -- 0: of the beginning; 1, 2, …: of further passages
    change     bigint NOT NULL,
    model      text NOT NULL,
    described  bigint NOT NULL,  -- hash of the description that it was made of
    vector     bytea NOT NULL,   -- float32, little-endian
    PRIMARY KEY (team, task_id, part, model)
);
CREATE UNIQUE INDEX ON mcpl.vectors (team, change);

CREATE TABLE mcpl.feedback (
    team         uuid NOT NULL,
    feedback_id  uuid NOT NULL,
    task_id      uuid NOT NULL,
    change       bigint NOT NULL,
    author       text NOT NULL DEFAULT session_user,
    doc          jsonb NOT NULL,
    PRIMARY KEY (team, feedback_id)
);
CREATE UNIQUE INDEX ON mcpl.feedback (team, change);
CREATE INDEX ON mcpl.feedback (team, task_id);

CREATE TABLE mcpl.uses (
    team     uuid NOT NULL,
    task_id  uuid NOT NULL,
    used     uuid NOT NULL,
    change   bigint NOT NULL,
    at       timestamptz NOT NULL,
    PRIMARY KEY (team, task_id, used)
);
CREATE UNIQUE INDEX ON mcpl.uses (team, change);
CREATE INDEX ON mcpl.uses (team, used);

CREATE TABLE mcpl.lessons (
    team        uuid NOT NULL,
    lesson_id   uuid NOT NULL,
    change      bigint NOT NULL,
    author      text NOT NULL DEFAULT session_user,
    visibility  text NOT NULL DEFAULT 'team' CHECK (visibility IN ('private', 'team')),
    doc         jsonb,
    PRIMARY KEY (team, lesson_id)
);
CREATE UNIQUE INDEX ON mcpl.lessons (team, change);

-- A server that takes another's place may lack the last commits of that one, and gives their numbers
-- again. Hosts have to know from which number on, to send again what was lost, and nothing else.
CREATE TABLE mcpl.servers (
    team    uuid NOT NULL REFERENCES mcpl.teams ON DELETE CASCADE,
    server  text NOT NULL,    -- as `mcpl.server` names it
    since   bigint NOT NULL,  -- the team's last number when it began to write
    PRIMARY KEY (team, server)
);

-- ANALYZE keeps samples of what a column holds, also of what is forgotten afterwards. No query is
-- planned by these.
ALTER TABLE mcpl.executions ALTER COLUMN doc SET STATISTICS 0;
ALTER TABLE mcpl.feedback ALTER COLUMN doc SET STATISTICS 0;
ALTER TABLE mcpl.lessons ALTER COLUMN doc SET STATISTICS 0;

-- Who may do what: a role is a person or a group of agents.

CREATE FUNCTION mcpl.read_teams() RETURNS SETOF uuid
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS
$$ SELECT team FROM mcpl.members WHERE member = session_user $$;

CREATE FUNCTION mcpl.written_teams() RETURNS SETOF uuid
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS
$$ SELECT team FROM mcpl.members WHERE member = session_user AND can_write $$;

ALTER TABLE mcpl.teams ENABLE ROW LEVEL SECURITY;
CREATE POLICY reads ON mcpl.teams FOR SELECT USING (team IN (SELECT mcpl.read_teams()));
ALTER TABLE mcpl.members ENABLE ROW LEVEL SECURITY;
CREATE POLICY reads ON mcpl.members FOR SELECT USING (team IN (SELECT mcpl.read_teams()));

ALTER TABLE mcpl.servers ENABLE ROW LEVEL SECURITY;
CREATE POLICY reads ON mcpl.servers FOR SELECT USING (team IN (SELECT mcpl.read_teams()));

ALTER TABLE mcpl.executions ENABLE ROW LEVEL SECURITY;
CREATE POLICY reads ON mcpl.executions FOR SELECT USING (
    team IN (SELECT mcpl.read_teams()) AND (visibility = 'team' OR author = session_user)
);
CREATE POLICY adds ON mcpl.executions FOR INSERT WITH CHECK (
    team IN (SELECT mcpl.written_teams()) AND author = session_user
);
CREATE POLICY changes ON mcpl.executions FOR UPDATE USING (
    team IN (SELECT mcpl.written_teams()) AND (visibility = 'team' OR author = session_user)
);

DO $$
DECLARE
    name text;
    -- Not EXISTS, which may be planned as a scan of all executions.
    seen text := 'team IN (SELECT mcpl.%s_teams()) AND (SELECT true FROM mcpl.executions x '
                 'WHERE x.team = %I.team AND x.task_id = %I.task_id)';
BEGIN
    FOREACH name IN ARRAY ARRAY['vectors', 'feedback', 'uses'] LOOP
        EXECUTE format('ALTER TABLE mcpl.%I ENABLE ROW LEVEL SECURITY', name);
        EXECUTE format('CREATE POLICY reads ON mcpl.%I FOR SELECT USING (%s)', name,
                       format(seen, 'read', name, name));
        EXECUTE format('CREATE POLICY adds ON mcpl.%I FOR INSERT WITH CHECK (%s)', name,
                       format(seen, 'written', name, name));
        EXECUTE format('CREATE POLICY changes ON mcpl.%I FOR UPDATE USING (%s)', name,
                       format(seen, 'written', name, name));
        EXECUTE format('CREATE POLICY removes ON mcpl.%I FOR DELETE USING (%s)', name,
                       format(seen, 'written', name, name));
    END LOOP;
END $$;

ALTER TABLE mcpl.lessons ENABLE ROW LEVEL SECURITY;
CREATE POLICY reads ON mcpl.lessons FOR SELECT USING (
    team IN (SELECT mcpl.read_teams()) AND (visibility = 'team' OR author = session_user)
);
CREATE POLICY adds ON mcpl.lessons FOR INSERT WITH CHECK (
    team IN (SELECT mcpl.written_teams()) AND author = session_user
);
CREATE POLICY changes ON mcpl.lessons FOR UPDATE USING (
    team IN (SELECT mcpl.written_teams()) AND (visibility = 'team' OR author = session_user)
);

GRANT SELECT ON ALL TABLES IN SCHEMA mcpl TO mcpl_member;
GRANT INSERT (team, task_id, change, visibility, updated_at, doc) ON mcpl.executions TO mcpl_member;
GRANT UPDATE (change, updated_at, doc) ON mcpl.executions TO mcpl_member;
GRANT INSERT, DELETE, UPDATE (change, described, vector) ON mcpl.vectors TO mcpl_member;
GRANT INSERT (team, feedback_id, task_id, change, doc), DELETE ON mcpl.feedback TO mcpl_member;
GRANT INSERT, DELETE ON mcpl.uses TO mcpl_member;
GRANT INSERT (team, lesson_id, change, visibility, doc), UPDATE (change, doc) ON mcpl.lessons TO mcpl_member;

-- Writing.

-- This server: its system, and the timeline of its write-ahead log, which a promotion raises.
CREATE FUNCTION mcpl.server() RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$ SELECT system_identifier || '/' || left(pg_walfile_name(pg_current_wal_lsn()), 8)
   FROM pg_control_system() $$;

-- The next numbers of a team. Whoever takes some keeps others from writing until the transaction
-- ends, so that they are committed in their order; a sequence would give them before that.
CREATE FUNCTION mcpl.advance(wanted_team uuid, client int, numbers int) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    base bigint;
    least int;
BEGIN
    IF numbers < 0 OR wanted_team NOT IN (SELECT mcpl.written_teams()) THEN
        RAISE EXCEPTION 'no right to write to this team' USING ERRCODE = '42501';
    END IF;
    UPDATE mcpl.teams t SET change = t.change + numbers WHERE t.team = wanted_team
    RETURNING t.change - numbers, t.min_client INTO base, least;
    IF client < least THEN
        RAISE EXCEPTION 'clients from % on may write', least USING ERRCODE = 'MCPL1';
    END IF;
    INSERT INTO mcpl.servers (team, server, since) VALUES (wanted_team, mcpl.server(), base)
    ON CONFLICT DO NOTHING;
    RETURN base;
END $$;

-- Writes what a host has to share, all of it or nothing.
--
-- given: an object of arrays, with objects that have their place `n` among all of them, from 1, which
-- is added to `base` for their numbers:
--   patch     task_id, at, doc: fields of an execution; those that are not named stay;
--             visibility: of one that doesn't exist yet, 'team' if it is left out;
--             later: with a doc that is whole, those of its fields that were changed afterwards: of an
--             execution that exists, nothing else is changed
--   forget    task_id, at
--   vector    task_id, part, model, described, vector (base64)
--   feedback  feedback_id, task_id, doc
--   use       task_id, used, at
--   lesson    lesson_id, doc: fields of a lesson; those that are not named stay, and so does all
--             evidence, up to 20 executions; visibility: as of a patch
-- No id is twice among patches, lessons, and what is to be forgotten.
-- forgotten: executions that patches are about or that were used, and that were forgotten. They are
-- not changed, and the uses are left out.
-- absent: executions that patches are about, that don't exist, and whose patch isn't whole.
-- present: executions that exist, and whose patch is whole.
CREATE FUNCTION mcpl.push(
    wanted_team uuid, client int, numbers int, given jsonb,
    OUT base bigint, OUT forgotten uuid[], OUT absent uuid[], OUT present uuid[]
)
-- Plans are kept, and may be of the time when the tables were small: each row is looked up by itself.
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    ids uuid[];
    id uuid;
BEGIN
    base := mcpl.advance(wanted_team, client, numbers);
    forgotten := '{}';
    absent := '{}';
    present := '{}';

    IF given ? 'patch' THEN
        SELECT coalesce(array_agg(g.task_id), '{}') INTO present
        FROM jsonb_to_recordset(given->'patch') g (task_id uuid, later jsonb)
        WHERE g.later IS NOT NULL AND (SELECT x.doc IS NOT NULL FROM mcpl.executions x
                                       WHERE x.team = wanted_team AND x.task_id = g.task_id);
        INSERT INTO mcpl.executions AS x (team, task_id, change, updated_at, visibility, doc)
        SELECT wanted_team, g.task_id, base + g.n, g.at, coalesce(g.visibility, 'team'),
               CASE WHEN g.task_id = ANY (present) THEN g.later ELSE g.doc END
        FROM jsonb_to_recordset(given->'patch')
            g (n int, task_id uuid, at timestamptz, visibility text, doc jsonb, later jsonb)
        WHERE g.doc ?& '{task_type,task_description,outcome,recorded_at}' OR (
            SELECT true FROM mcpl.executions o WHERE o.team = wanted_team AND o.task_id = g.task_id
        )
        ON CONFLICT (team, task_id) DO UPDATE
        SET doc = x.doc || excluded.doc, change = excluded.change,
            updated_at = greatest(x.updated_at, excluded.updated_at)
        WHERE x.doc IS NOT NULL;

        SELECT coalesce(array_agg(task_id) FILTER (WHERE is_gone), '{}'),
               coalesce(array_agg(task_id) FILTER (WHERE is_gone IS NULL), '{}')
        INTO forgotten, absent
        FROM (SELECT g.task_id, (
                  SELECT x.doc IS NULL FROM mcpl.executions x
                  WHERE x.team = wanted_team AND x.task_id = g.task_id
              ) AS is_gone
              FROM jsonb_to_recordset(given->'patch') g (task_id uuid)) states;
    END IF;

    IF given ? 'vector' THEN
        INSERT INTO mcpl.vectors AS v (team, task_id, part, change, model, described, vector)
        SELECT wanted_team, g.task_id, g.part, base + g.n, g.model, g.described,
               decode(g.vector, 'base64')
        FROM jsonb_to_recordset(given->'vector')
            g (n int, task_id uuid, part int, model text, described bigint, vector text)
        WHERE (SELECT x.doc IS NOT NULL FROM mcpl.executions x
               WHERE x.team = wanted_team AND x.task_id = g.task_id)
        ON CONFLICT (team, task_id, part, model) DO UPDATE
        SET change = excluded.change, described = excluded.described, vector = excluded.vector;

        -- Further passages that a changed description doesn't have any more.
        FOR id IN SELECT DISTINCT g.task_id FROM jsonb_to_recordset(given->'vector') g (task_id uuid)
        LOOP
            DELETE FROM mcpl.vectors v
            WHERE v.team = wanted_team AND v.task_id = id AND v.part > 0 AND v.change <= base;
        END LOOP;
    END IF;

    IF given ? 'feedback' THEN
        INSERT INTO mcpl.feedback (team, feedback_id, task_id, change, doc)
        SELECT wanted_team, g.feedback_id, g.task_id, base + g.n, g.doc
        FROM jsonb_to_recordset(given->'feedback')
            g (n int, feedback_id uuid, task_id uuid, doc jsonb)
        WHERE (SELECT x.doc IS NOT NULL FROM mcpl.executions x
               WHERE x.team = wanted_team AND x.task_id = g.task_id)
        ON CONFLICT DO NOTHING;
    END IF;

    IF given ? 'use' THEN
        INSERT INTO mcpl.uses (team, task_id, used, change, at)
        SELECT wanted_team, g.task_id, g.used, base + g.n, g.at
        FROM jsonb_to_recordset(given->'use') g (n int, task_id uuid, used uuid, at timestamptz)
        WHERE (SELECT x.doc IS NOT NULL FROM mcpl.executions x
               WHERE x.team = wanted_team AND x.task_id = g.task_id)
        AND (SELECT x.doc IS NULL FROM mcpl.executions x
             WHERE x.team = wanted_team AND x.task_id = g.used) IS NOT TRUE
        ON CONFLICT DO NOTHING;

        SELECT forgotten || coalesce(array_agg(DISTINCT g.used), '{}') INTO forgotten
        FROM jsonb_to_recordset(given->'use') g (used uuid)
        WHERE (SELECT x.doc IS NULL FROM mcpl.executions x
               WHERE x.team = wanted_team AND x.task_id = g.used);
    END IF;

    IF given ? 'lesson' THEN
        INSERT INTO mcpl.lessons AS l (team, lesson_id, change, visibility, doc)
        SELECT wanted_team, g.lesson_id, base + g.n, coalesce(g.visibility, 'team'), g.doc
        FROM jsonb_to_recordset(given->'lesson')
            g (n int, lesson_id uuid, visibility text, doc jsonb)
        WHERE NOT EXISTS (  -- it may quote what is forgotten
            SELECT FROM jsonb_array_elements_text(g.doc->'evidence') e
            WHERE (SELECT x.doc IS NULL FROM mcpl.executions x
                   WHERE x.team = wanted_team AND x.task_id = e::uuid)
        ) AND (g.doc ? 'created_at' OR (
            SELECT true FROM mcpl.lessons o
            WHERE o.team = wanted_team AND o.lesson_id = g.lesson_id
        ))
        ON CONFLICT (team, lesson_id) DO UPDATE
        SET doc = l.doc || excluded.doc || jsonb_build_object('evidence', (
                SELECT jsonb_agg(e ORDER BY n) FROM (  -- a host may have archived some of it
                    SELECT e, min(n) AS n
                    FROM jsonb_array_elements(coalesce(excluded.doc->'evidence', '[]')
                                              || (l.doc->'evidence')) WITH ORDINALITY a (e, n)
                    GROUP BY e ORDER BY n LIMIT 20
                ) every
            )), change = excluded.change
        WHERE l.doc IS NOT NULL;
    END IF;

    IF given ? 'forget' THEN
        SELECT array_agg(g.task_id) INTO ids
        FROM jsonb_to_recordset(given->'forget') g (task_id uuid);
        DELETE FROM mcpl.vectors v WHERE v.team = wanted_team AND v.task_id = ANY (ids);
        DELETE FROM mcpl.feedback f WHERE f.team = wanted_team AND f.task_id = ANY (ids);
        DELETE FROM mcpl.uses u WHERE u.team = wanted_team AND u.task_id = ANY (ids);
        DELETE FROM mcpl.uses u WHERE u.team = wanted_team AND u.used = ANY (ids);
        UPDATE mcpl.lessons l SET doc = NULL  -- it may quote them; hosts delete it by themselves
        WHERE l.team = wanted_team AND l.doc->'evidence' ?| ids::text[];
        INSERT INTO mcpl.executions AS x (team, task_id, change, updated_at, doc)
        SELECT wanted_team, g.task_id, base + g.n, g.at, NULL
        FROM jsonb_to_recordset(given->'forget') g (n int, task_id uuid, at timestamptz)
        ON CONFLICT (team, task_id) DO UPDATE
        SET doc = NULL, change = excluded.change, updated_at = excluded.updated_at
        WHERE x.doc IS NOT NULL;
    END IF;
END $$;
