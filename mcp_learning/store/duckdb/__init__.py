"""The store on DuckDB: one file, opened by one process.

`store` implements the protocol; each of its verbs is a function of a cursor. `connection.Database`
gives async access (one writer thread, a cursor per reader), and `migrations` upgrades the schema.
The SQL is in `executions`, `embeddings`, `feed`, `statistics`, `overview`, `error_texts`, `votes`,
`history`, `traces`, `lessons`, `transfer`, `importing` and `bulk`; for a team in `outbox`,
`outbox_table`, `team_rows`, `team_lessons`, `former_team`, `evictions` and `lost_changes`.
`opening` configures DuckDB and refuses damaged files; `files` renames files atomically; `copies`,
`backups`, `archives`, `legacy` and `salvage` work on whole files, the last with `block_checksums`
and a child process, `salvage_worker`; `parquet` reads and writes Parquet files, with `checksums`.
"""
