"""The truth: executions and everything recorded about them, behind one protocol.

`protocol.Store` is what the rest of the package asks, with the values in `types`. `duckdb`
implements it on one DuckDB file, opened by one process; `duckdb.store.open_store` makes it.
"""
