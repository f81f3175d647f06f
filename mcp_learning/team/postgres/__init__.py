"""The team's store on PostgreSQL 15 or later; pgvector is optional.

`remote.Remote` is one host's connection to it; `search.RemoteSearch` also searches. `schema`
creates and upgrades the store, `connection` opens connections with timeouts and explains errors.
psycopg is imported here alone.
"""
