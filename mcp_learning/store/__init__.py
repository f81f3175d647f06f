"""The truth: executions and everything recorded about them, behind one protocol.

`duckdb` implements it on one DuckDB file, opened by one process.
"""
