-- A server that takes another's place may lack the last commits of that one, and gives their numbers
-- again. Hosts have to know from which number on, to send again what was lost, and nothing else.
CREATE TABLE mcpl.servers (
    team    uuid NOT NULL REFERENCES mcpl.teams ON DELETE CASCADE,
    server  text NOT NULL,    -- as `mcpl.server` names it
    since   bigint NOT NULL,  -- the team's last number when it began to write
    PRIMARY KEY (team, server)
);
ALTER TABLE mcpl.servers ENABLE ROW LEVEL SECURITY;
CREATE POLICY reads ON mcpl.servers FOR SELECT USING (team IN (SELECT mcpl.read_teams()));
GRANT SELECT ON mcpl.servers TO mcpl_member;

-- This server: its system, and the timeline of its write-ahead log, which a promotion raises.
CREATE FUNCTION mcpl.server() RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$ SELECT system_identifier || '/' || left(pg_walfile_name(pg_current_wal_lsn()), 8)
   FROM pg_control_system() $$;

CREATE OR REPLACE FUNCTION mcpl.advance(wanted_team uuid, client int, numbers int) RETURNS bigint
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
