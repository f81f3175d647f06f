"""The truth: one DuckDB file, opened by one process.

`duckdb.Database` is the async door (one writer thread, a cursor per reader, no knowledge of
tables); `migrations` brings the file to the current schema; `executions`, `embeddings`,
`statistics`, `failures` and `bulk` hold all SQL of the product, as plain functions from a cursor to
models.

Whole files: `opening` says how DuckDB is configured and what is refused; `files` has names that
change atomically; `copies` writes, reads and compares whole databases; `backups` puts one in the
place of another; `salvage`, with `patches`, saves what can be read of a damaged one; `archives`
writes executions to Parquet and reads them back.
"""
