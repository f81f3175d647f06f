"""The store on DuckDB: one file, opened by one process.

`connection.Database` gives async access (one writer thread, a cursor per reader); `migrations`
brings the file to the current schema; `executions`, `embeddings`, `feed`, `statistics`, `overview`,
`errors`, `votes`, `outcomes`, `transfer` and `bulk` hold the SQL, as functions from a cursor to
models. `opening` configures DuckDB and refuses damaged files; `files` changes names atomically;
`copies`, `backups`, `archives`, `legacy` and `salvage` work on whole files, the last with
`block_checksums` and a child process, `salvage_worker`; `parquet` reads and writes Parquet files,
with `checksums`.
"""
