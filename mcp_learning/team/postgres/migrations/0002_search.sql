-- What hosts search that hold a part of their team's executions. It is made of what is committed, in the
-- order of its numbers, by whoever needs it (mcpl.read_in), so that writing takes no longer.
CREATE TABLE mcpl.searched (
    team         uuid NOT NULL,
    task_id      uuid NOT NULL,
    author       text NOT NULL,
    visibility   text NOT NULL,
    task         bigint NOT NULL,  -- equal for runs of the same task
    repo         text,
    task_type    text,
    approach     text,
    model_tier   text,
    outcome      text,
    recorded_at  text COLLATE "C",  -- as it was written: ISO 8601, UTC
    supersedes   text,
    words        tsvector NOT NULL,
    length       int NOT NULL,     -- of the text, in words
    PRIMARY KEY (team, task_id),
    FOREIGN KEY (team, task_id) REFERENCES mcpl.executions ON DELETE CASCADE
) WITH (toast_tuple_target = 8160);
-- Not compressed: a question compares the words of thousands of rows, each of them several times.
ALTER TABLE mcpl.searched ALTER COLUMN words SET STORAGE EXTERNAL;
CREATE INDEX ON mcpl.searched USING gin (words);
CREATE INDEX ON mcpl.searched (team, task, recorded_at);
CREATE INDEX ON mcpl.searched (team, repo);
CREATE INDEX ON mcpl.searched (team, task_type);
CREATE INDEX ON mcpl.searched (team, approach);
CREATE INDEX ON mcpl.searched (team, model_tier);
CREATE INDEX ON mcpl.searched (team, outcome);
CREATE INDEX ON mcpl.searched (team, recorded_at);
CREATE INDEX ON mcpl.searched (team, supersedes) WHERE supersedes IS NOT NULL;
ALTER TABLE mcpl.searched ENABLE ROW LEVEL SECURITY;  -- only functions read it, for who may

-- Up to which number the changes of a table were read in.
CREATE TABLE mcpl.read_in_marks (
    team    uuid REFERENCES mcpl.teams ON DELETE CASCADE,
    name    text CHECK (name IN ('executions', 'vectors')),
    change  bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (team, name)
);
ALTER TABLE mcpl.read_in_marks ENABLE ROW LEVEL SECURITY;

-- How many executions that all members of a team may read have each lexeme; '': how many these are.
CREATE TABLE mcpl.frequencies (
    team    uuid,
    lexeme  text COLLATE "C",
    rows    bigint NOT NULL,
    PRIMARY KEY (team, lexeme)
) WITH (fillfactor = 50);
ALTER TABLE mcpl.frequencies ENABLE ROW LEVEL SECURITY;

CREATE FUNCTION mcpl.count_words() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    lexemes text := $q$
        SELECT r.team, unnest(tsvector_to_array(r.words) || ''::text) AS lexeme, %s AS n
        FROM %s r WHERE r.visibility = 'team'
    $q$;
    changed text := concat_ws(' UNION ALL ',
        CASE WHEN TG_OP <> 'DELETE' THEN format(lexemes, 1, 'added') END,
        CASE WHEN TG_OP <> 'INSERT' THEN format(lexemes, -1, 'removed') END);
BEGIN
    EXECUTE format($q$
        INSERT INTO mcpl.frequencies AS f SELECT c.team, c.lexeme, sum(c.n) FROM (%s) c
        GROUP BY c.team, c.lexeme HAVING sum(c.n) <> 0 ORDER BY c.team, c.lexeme
        ON CONFLICT (team, lexeme) DO UPDATE SET rows = f.rows + excluded.rows
    $q$, changed);
    IF TG_OP <> 'INSERT' THEN
        EXECUTE format($q$
            DELETE FROM mcpl.frequencies f USING (%s) c
            WHERE f.team = c.team AND f.lexeme = c.lexeme AND f.rows <= 0
        $q$, changed);
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER count_added AFTER INSERT ON mcpl.searched REFERENCING NEW TABLE AS added
FOR EACH STATEMENT EXECUTE FUNCTION mcpl.count_words();
CREATE TRIGGER count_changed AFTER UPDATE ON mcpl.searched REFERENCING NEW TABLE AS added OLD TABLE AS removed
FOR EACH STATEMENT EXECUTE FUNCTION mcpl.count_words();
CREATE TRIGGER count_removed AFTER DELETE ON mcpl.searched REFERENCING OLD TABLE AS removed
FOR EACH STATEMENT EXECUTE FUNCTION mcpl.count_words();

-- What is forgotten, or kept private, isn't found from that moment on.
CREATE FUNCTION mcpl.take_out() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NEW.doc IS NULL THEN
        DELETE FROM mcpl.searched s WHERE s.team = NEW.team AND s.task_id = NEW.task_id;
    ELSE
        UPDATE mcpl.searched s SET visibility = NEW.visibility
        WHERE s.team = NEW.team AND s.task_id = NEW.task_id;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER take_out AFTER UPDATE ON mcpl.executions FOR EACH ROW
WHEN ((NEW.doc IS NULL AND OLD.doc IS NOT NULL) OR NEW.visibility <> OLD.visibility)
EXECUTE FUNCTION mcpl.take_out();

-- Words of a text and parts of its identifiers.
CREATE FUNCTION mcpl.plain(given text) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT regexp_replace(
        regexp_replace(
            left(given, 20000),
            '(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|(?<=[A-Za-z])(?=[0-9])|(?<=[0-9])(?=[a-z])', ' ', 'g'
        ),
        '[][!-/:-@\\^-`{-~\s]+', ' ', 'g'
    )
$$;

-- Whole identifiers and paths of a text, and what their parts are, if these have parts themselves; in one spelling.
CREATE FUNCTION mcpl.identifiers(given text) RETURNS SETOF text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT lower(translate(p.part, '_-', ''))
    FROM regexp_matches(left(given, 20000), '[[:alnum:]]+(?:[-_./\\:@#]+[[:alnum:]]+)+|'
        '[[:alnum:]]*(?:[a-z0-9][A-Z]|[A-Z]{2}[a-z]|[A-Za-z][0-9]|[0-9][a-z])[[:alnum:]]*', 'g') w(found), LATERAL (
        SELECT w.found[1] UNION SELECT regexp_split_to_table(w.found[1], '[/\\:@#]+')
        UNION SELECT regexp_split_to_table(w.found[1], '[/\\:@#.]+')
        UNION SELECT regexp_split_to_table(w.found[1], '[/\\:@#._-]+')
    ) p(part)
    WHERE p.part ~ '[^[:alnum:]]|[a-z0-9][A-Z]|[A-Z]{2}[a-z]|[A-Za-z][0-9]|[0-9][a-z]'
$$;

-- The English stems of a text and its identifiers, with how often each is in it as its weight: D once, C twice, B three
-- times, A more often. They are hashed, so that neither this table nor the planner's samples of it hold any word of what is
-- forgotten. They are what hosts search by (search/lexical/terms.py).
CREATE FUNCTION mcpl.words_of(given text) RETURNS tsvector
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT coalesce(string_agg(format('''%s'':1%s', left(md5(lexeme), 12), substr(
        'DCBA', least(times, 4), 1)), ' ')::tsvector, '')
    FROM (
        SELECT lexeme, array_length(positions, 1) AS times
        FROM unnest(to_tsvector('pg_catalog.english', mcpl.plain(given)))
        UNION ALL SELECT i, count(*)::int FROM mcpl.identifiers(given) i GROUP BY i
    ) each
$$;

-- A condition on `words_of`: any word of a text.
CREATE FUNCTION mcpl.any_of(given text) RETURNS tsquery
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT string_agg('''' || lexeme || '''', '|')::tsquery
    FROM unnest(tsvector_to_array(mcpl.words_of(given))) l(lexeme)
$$;

-- The number of the last change of a team that may be read in. Refuses others than its members and the owner.
CREATE FUNCTION mcpl.last_change(wanted_team uuid) RETURNS bigint
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF wanted_team NOT IN (SELECT mcpl.read_teams()) AND NOT pg_has_role(
        session_user, (SELECT nspowner FROM pg_namespace WHERE nspname = 'mcpl'), 'MEMBER'
    ) THEN
        RAISE EXCEPTION 'no right to read this team' USING ERRCODE = '42501';
    END IF;
    RETURN (SELECT t.change FROM mcpl.teams t WHERE t.team = wanted_team);
END $$;

-- Which changes of a table are to be read in next, at most so many: those after `mark` up to `reached`, which is noted.
-- `reached` is NULL while another host is at it. remaining: how many numbers are left after them.
CREATE FUNCTION mcpl.read_next(
    wanted_team uuid, table_name text, most int, OUT mark bigint, OUT reached bigint, OUT remaining bigint
)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    last bigint := mcpl.last_change(wanted_team);
BEGIN
    INSERT INTO mcpl.read_in_marks (team, name) VALUES (wanted_team, table_name) ON CONFLICT DO NOTHING;
    SELECT m.change INTO mark FROM mcpl.read_in_marks m WHERE m.team = wanted_team AND m.name = table_name
    FOR UPDATE SKIP LOCKED;
    remaining := 0;
    IF mark IS NULL THEN
        RETURN;
    END IF;
    IF mark > last THEN
        mark := 0;  -- the store was restored, and gives its numbers again
    END IF;
    EXECUTE format($q$
        SELECT c.change FROM mcpl.%I c WHERE c.team = $1 AND c.change > $2 AND c.change <= $3
        ORDER BY c.change OFFSET $4 - 1 LIMIT 1
    $q$, table_name) INTO reached USING wanted_team, mark, last, most;
    reached := coalesce(reached, last);
    remaining := last - reached;
    UPDATE mcpl.read_in_marks m SET change = reached WHERE m.team = wanted_team AND m.name = table_name;
END $$;

-- Reads in what was committed since, at most so many executions; returns how many numbers are left.
CREATE FUNCTION mcpl.read_in(wanted_team uuid, most int) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    span record := mcpl.read_next(wanted_team, 'executions', most);
BEGIN
    WITH changed AS (  -- locked: what is forgotten meanwhile is taken out again afterwards
        SELECT e.task_id, e.author, e.visibility, e.doc FROM mcpl.executions e WHERE e.team = wanted_team
        AND e.change > span.mark AND e.change <= span.reached AND e.doc IS NOT NULL FOR SHARE
    )
    INSERT INTO mcpl.searched
    SELECT wanted_team, c.task_id, c.author, c.visibility,
        ('x' || left(md5(lower(regexp_replace(
            trim(c.doc->>'task_description'), '\s+', ' ', 'g'))), 16))::bit(64)::bigint,
        c.doc->>'repo', c.doc->>'task_type', c.doc->>'approach', c.doc->>'model_tier',
        c.doc->>'outcome', c.doc->>'recorded_at', c.doc->>'supersedes',
        mcpl.words_of(w.text), cardinality(string_to_array(trim(mcpl.plain(w.text)), ' '))
    FROM changed c, LATERAL (
        SELECT concat_ws(' ', c.doc->>'task_description', c.doc->>'solution_summary',
                         c.doc->>'error_type', c.doc->>'error_message') AS text
    ) w
    WHERE c.doc->>'task_description' IS NOT NULL
    ON CONFLICT (team, task_id) DO UPDATE SET
        visibility = excluded.visibility, task = excluded.task, repo = excluded.repo,
        task_type = excluded.task_type, approach = excluded.approach,
        model_tier = excluded.model_tier, outcome = excluded.outcome,
        recorded_at = excluded.recorded_at, supersedes = excluded.supersedes, words = excluded.words,
        length = excluded.length;
    RETURN span.remaining;
END $$;

-- Repositories of a team, in all their spellings, as far as one may read them.
CREATE FUNCTION mcpl.spellings(wanted_team uuid) RETURNS SETOF text
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    WITH RECURSIVE each AS (
        SELECT min(s.repo) AS repo FROM mcpl.searched s WHERE s.team = wanted_team
        UNION ALL
        SELECT (SELECT min(s.repo) FROM mcpl.searched s
                WHERE s.team = wanted_team AND s.repo > each.repo)
        FROM each WHERE each.repo IS NOT NULL
    )
    SELECT repo FROM each
    WHERE repo IS NOT NULL AND wanted_team IN (SELECT mcpl.read_teams()) AND (
        SELECT true FROM mcpl.searched s WHERE s.team = wanted_team AND s.repo = each.repo
        AND (s.visibility = 'team' OR s.author = session_user) LIMIT 1
    )
$$;


-- A condition on rows `s` of `searched` of the team $1 that one may read and that pass filters: an object with repo
-- (an array of spellings), task_type, approach, model_tier, outcome, since. What isn't in it doesn't restrict.
CREATE FUNCTION mcpl.passing(filters jsonb) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    made text := format('s.team = $1 AND (s.visibility = ''team'' OR s.author = %L)', session_user);
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['task_type', 'approach', 'model_tier', 'outcome'] LOOP
        IF filters ? name THEN
            made := made || format(' AND s.%I = %L', name, filters->>name);
        END IF;
    END LOOP;
    IF filters ? 'repo' THEN
        made := made || format(' AND s.repo = ANY (%L::text[])',
                               ARRAY(SELECT jsonb_array_elements_text(filters->'repo')));
    END IF;
    IF filters ? 'since' THEN
        made := made || format(' AND s.recorded_at >= %L', filters->>'since');
    END IF;
    RETURN made;
END $$;

-- How many executions that all members of a team may read have each text, a word or an identifier. NULL: it has no lexemes.
-- Others than members get nothing.
CREATE FUNCTION mcpl.frequencies_of(wanted_team uuid, texts text[]) RETURNS bigint[]
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT coalesce(array_agg((  -- what has a whole identifier has its parts
        SELECT min(coalesce(f.rows, 0)) FROM unnest(tsvector_to_array(mcpl.words_of(t.text))) l(lexeme)
        LEFT JOIN mcpl.frequencies f ON f.team = wanted_team AND f.lexeme = l.lexeme
    ) ORDER BY t.place), '{}') FROM unnest(texts) WITH ORDINALITY t(text, place)
    WHERE wanted_team IN (SELECT mcpl.read_teams())
$$;

-- Tasks with the rarest words of a question, best first: by BM25 with the constants and the sharpened weights of hosts
-- (search/lexical/query_terms.py), so that of many tasks with the same words the same ones come first there.
--
-- rows: about how many pass the condition; words that most of them have aren't looked for. If too many have even the rarest
-- one, rows with all of the words are looked for, then, if those are of few tasks, with the rarer two thirds of them, and so on.
CREATE FUNCTION mcpl.tasks_by_words(
    wanted_team uuid, question text, condition text, rows float8, most int
) RETURNS bigint[]
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    at_most CONSTANT int := 20000;  -- rows that are compared: 0.2 s
    lexemes text[];  -- the rarest first
    score text;
    any_of text;
    all_of int;  -- so many of the rarest words
    mean float8 := (SELECT avg(l.length) FROM (
        SELECT s.length FROM mcpl.searched s WHERE s.team = wanted_team LIMIT 1000
    ) l);
    total float8 := coalesce(
        (SELECT f.rows FROM mcpl.frequencies f WHERE f.team = wanted_team AND f.lexeme = ''), 0);
    tasks bigint[];
BEGIN
    rows := least(rows, total);
    WITH asked AS (
        SELECT l.lexeme, (coalesce(f.rows, 0) + 1) / (total + 20) AS share
        FROM unnest(tsvector_to_array(mcpl.words_of(question))) l(lexeme)
        LEFT JOIN mcpl.frequencies f ON f.team = wanted_team AND f.lexeme = l.lexeme
        ORDER BY share LIMIT 16
    ), each AS (
        SELECT lexeme, share, power(-ln(least(share, 0.99)), 1.5) AS weight,
            sum(share) OVER w * rows <= 4000 OR row_number() OVER w = 1 AS wanted
        FROM asked WINDOW w AS (ORDER BY share, lexeme ROWS UNBOUNDED PRECEDING)
    )
    SELECT array_agg(lexeme ORDER BY share, lexeme), string_agg(format(
            'CASE WHEN NOT s.words @@ ''%1$s''::tsquery THEN 0 '
            'WHEN s.words @@ ''%1$s:AB''::tsquery THEN 3 * %2$s::float8 / (3 + s.norm) '
            'WHEN s.words @@ ''%1$s:ABC''::tsquery THEN 2 * %2$s::float8 / (2 + s.norm) '
            'ELSE %2$s::float8 / (1 + s.norm) END', lexeme, weight), ' + '),
        string_agg(lexeme, '|') FILTER (WHERE wanted),
        CASE WHEN min(share) * rows > at_most THEN count(*) ELSE least(count(*), 1) END
    INTO lexemes, score, any_of, all_of FROM each;
    WHILE all_of > 0 AND coalesce(cardinality(tasks), 0) < most LOOP
        EXECUTE format($q$
            SELECT array_agg(task ORDER BY score DESC, latest DESC) FROM (
                SELECT s.task, max(s.recorded_at) AS latest, max(%s) AS score FROM (
                    SELECT s.task, s.recorded_at, s.words,
                        0.3 + 0.9::float8 * s.length / $3 AS norm
                    FROM mcpl.searched s WHERE s.words @@ $2::tsquery AND %s LIMIT $4
                ) s GROUP BY s.task ORDER BY score DESC, latest DESC LIMIT $5
            ) best
        $q$, score, condition) INTO tasks USING wanted_team,
            CASE WHEN all_of > 1 THEN array_to_string(lexemes[:all_of], '&') ELSE any_of END, mean, at_most, most;
        all_of := all_of * 2 / 3;
    END LOOP;
    RETURN coalesce(tasks, '{}');
END $$;

-- Tasks whose vectors are the nearest, best first; `vector.sql` replaces it where there is pgvector.
CREATE FUNCTION mcpl.tasks_by_meaning(
    wanted_team uuid, asked real[], model text, condition text, few boolean, most int
) RETURNS bigint[]
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$ SELECT NULL::bigint[] $$;

-- Reads in vectors, as `read_in`; `vector.sql` replaces it where there is pgvector.
CREATE FUNCTION mcpl.read_vectors_in(wanted_team uuid, most int) RETURNS bigint
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$ SELECT 0::bigint $$;

-- Executions like a question, the latest runs of each of the most similar tasks, and those that say that they supersede one.
-- Hosts search by words and by meaning at the same time, so each is a call of its own.
--
-- cues: words of those that may supersede one without saying so (search/supersession.py). NULL: tasks with words of the question
--     are found; else half as many that have one of the cues, too, and didn't fail.
-- asked: the vector of the question, of a model, for what is near it; NULL: nothing is found by meaning.
-- filters: as for `passing`.
-- most: tasks of each kind, by words and by meaning.
-- by_meaning: whether there was something to find by meaning with.
CREATE FUNCTION mcpl.candidates(
    wanted_team uuid, question text, asked real[], model text, filters jsonb, most int,
    cues text,
    OUT task_ids uuid[], OUT by_meaning boolean
)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    condition text := mcpl.passing(filters);
    total float8 := (SELECT greatest(reltuples, 1) FROM pg_class WHERE oid = 'mcpl.searched'::regclass);
    few int := least(greatest(total / 20, 2000), 20000);  -- of so many all are compared: the index has those of
    passing int;                                          -- other teams and those that don't pass as well
    rows float8;
    near bigint[];
    named bigint[];
BEGIN
    IF wanted_team NOT IN (SELECT mcpl.read_teams()) THEN
        RAISE EXCEPTION 'no right to read this team' USING ERRCODE = '42501';
    END IF;
    EXECUTE format('SELECT count(*) FROM (SELECT FROM mcpl.searched s WHERE %s LIMIT $2 + 1) p', condition)
    INTO passing USING wanted_team, few;
    rows := CASE WHEN passing > few THEN total ELSE passing END;
    named := CASE WHEN cues IS NULL THEN mcpl.tasks_by_words(wanted_team, question, condition, rows, most)
        ELSE mcpl.tasks_by_words(wanted_team, question, condition || format(
            ' AND s.words @@ %L AND s.outcome <> ''failure''', mcpl.any_of(cues)
        ), rows, most / 2) END;
    near := mcpl.tasks_by_meaning(wanted_team, asked, model, condition, passing <= few, most);
    by_meaning := near IS NOT NULL;
    EXECUTE format($q$
        WITH RECURSIVE found AS (
            SELECT r.task_id FROM unnest($2 || $3) t(task), LATERAL (
                SELECT s.task_id FROM mcpl.searched s WHERE s.task = t.task AND %1$s
                ORDER BY s.recorded_at DESC LIMIT 20
            ) r
            UNION
            SELECT s.task_id FROM found f JOIN mcpl.searched s ON s.supersedes = f.task_id::text AND %1$s
        )
        SELECT array_agg(task_id) FROM found
    $q$, condition) INTO task_ids USING wanted_team, near, named;
    task_ids := coalesce(task_ids, '{}');
END $$;

REVOKE ALL ON FUNCTION mcpl.take_out(), mcpl.passing(jsonb), mcpl.read_next(uuid, text, int),
    mcpl.count_words(),
    mcpl.tasks_by_words(uuid, text, text, float8, int),
    mcpl.tasks_by_meaning(uuid, real[], text, text, boolean, int) FROM PUBLIC;
