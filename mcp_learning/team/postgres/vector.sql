-- Vector search with pgvector; SCHEMA is replaced by pgvector's schema. Applied on every upgrade.
CREATE TABLE IF NOT EXISTS mcpl.near (
    team       uuid NOT NULL,
    task_id    uuid NOT NULL,
    part       int NOT NULL,
    model      text NOT NULL,
    embedding  SCHEMA.halfvec(384) NOT NULL,
    PRIMARY KEY (team, task_id, part, model),
    FOREIGN KEY (team, task_id, part, model) REFERENCES mcpl.vectors ON DELETE CASCADE
);
ALTER TABLE mcpl.near ENABLE ROW LEVEL SECURITY;

-- A vector as `mcpl.vectors` stores it: float32, little-endian.
CREATE OR REPLACE FUNCTION mcpl.floats(given bytea) RETURNS real[]
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT array_agg((
        CASE WHEN exponent = 0 THEN 0
        ELSE (CASE WHEN high >= 128 THEN -1 ELSE 1 END) * (1 + mantissa / 8388608.0::float8)
            * power(2::float8, exponent - 127) END
    )::real ORDER BY at)
    FROM (
        SELECT at, get_byte(given, 4 * at + 3) AS high,
            (get_byte(given, 4 * at + 3) & 127) * 2 + get_byte(given, 4 * at + 2) / 128 AS exponent,
            (get_byte(given, 4 * at + 2) & 127) * 65536 + get_byte(given, 4 * at + 1) * 256
            + get_byte(given, 4 * at) AS mantissa
        FROM generate_series(0, length(given) / 4 - 1) at
    ) bytes
$$;

CREATE OR REPLACE FUNCTION mcpl.read_vectors_in(wanted_team uuid, most int) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    span record := mcpl.read_next(wanted_team, 'vectors', most);
BEGIN
    INSERT INTO mcpl.near
    SELECT v.team, v.task_id, v.part, v.model,
        mcpl.floats(v.vector)::SCHEMA.vector::SCHEMA.halfvec(384)
    FROM (
        SELECT o.* FROM mcpl.vectors o WHERE o.team = wanted_team AND o.change > span.mark
        AND o.change <= span.reached AND length(o.vector) = 4 * 384 FOR KEY SHARE
    ) v
    ON CONFLICT (team, task_id, part, model) DO UPDATE SET embedding = excluded.embedding;
    RETURN span.remaining;
END $$;

-- Few rows are compared exactly; of many, the index returns the nearest until enough pass the filters. If those are runs of
-- few tasks, more are requested; if that isn't enough, as many rows are compared exactly as time allows.
CREATE OR REPLACE FUNCTION mcpl.tasks_by_meaning(
    wanted_team uuid, asked real[], model text, condition text, few boolean, most int
) RETURNS bigint[]
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    tasks bigint[];
    nearest int;
    compared int := 0;
BEGIN
    IF array_length(asked, 1) IS DISTINCT FROM 384 THEN
        RETURN NULL;
    END IF;
    IF NOT few THEN
        PERFORM set_config('hnsw.iterative_scan', 'relaxed_order', true),
            set_config('hnsw.ef_search', '200', true);
        FOREACH nearest IN ARRAY ARRAY[4 * most, 100 * most] LOOP
            EXECUTE format($q$
                SELECT (array_agg(task ORDER BY distance, task))[:$5], coalesce(sum(runs), 0) FROM (
                    SELECT task, min(distance) AS distance, count(*) AS runs FROM (
                        SELECT s.task, n.embedding OPERATOR(SCHEMA.<#>) $2::SCHEMA.halfvec AS distance
                        FROM mcpl.near n JOIN mcpl.searched s USING (team, task_id)
                        WHERE n.team = $1 AND n.model = $3 AND %s
                        ORDER BY n.embedding OPERATOR(SCHEMA.<#>) $2::SCHEMA.halfvec LIMIT $4
                    ) nearest GROUP BY task
                ) each
            $q$, condition) INTO tasks, compared USING wanted_team, asked::SCHEMA.vector, model, nearest, most;
            EXIT WHEN cardinality(tasks) >= most / 4 OR compared < nearest;
        END LOOP;
    END IF;
    IF few OR coalesce(cardinality(tasks), 0) < most / 4 THEN
        EXECUTE format($q$
            SELECT array_agg(task ORDER BY distance, task) FROM (
                SELECT p.task, min(n.embedding OPERATOR(SCHEMA.<#>) $2::SCHEMA.halfvec) AS distance
                FROM (SELECT s.task_id, s.task FROM mcpl.searched s WHERE %s LIMIT 40000) p
                JOIN mcpl.near n ON n.team = $1 AND n.task_id = p.task_id AND n.model = $3
                GROUP BY p.task ORDER BY distance, p.task LIMIT $4
            ) best
        $q$, condition) INTO tasks USING wanted_team, asked::SCHEMA.vector, model, most;
    END IF;
    RETURN coalesce(tasks, '{}');
END $$;
