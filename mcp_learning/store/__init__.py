"""The truth: one DuckDB file, opened by one process.

`duckdb.Database` is the async door (one writer thread, a cursor per reader, no knowledge of
tables); `migrations` brings the file to the current schema; `executions`, `embeddings`,
`statistics`, `failures` and `bulk` hold all SQL of the product, as plain functions from a cursor to
models.
"""
