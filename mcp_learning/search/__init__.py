"""Searches the stored executions in memory: what a query matches, and how much.

`Retriever` is the entry point. It holds a `RowTable`: the columns of every execution (`catalog`),
its vector (`exact`, with `pca_bounds` to skip most comparisons) and its words (`lexical`), in rows
that all of them number alike. `Retriever.search` takes a `Snapshot` of the table, gets candidates
from all rows (`scan`) or from the HNSW index (`hnsw`), scores them (`scorer`, `fusion`), and groups
the runs of each task (`groups`). `Retriever.related` finds tasks of the same kind of work
(`relevance_feedback`, with the learned `metric`). The index is a DuckDB file with the VSS extension
(`vss`), built by a child process (`hnsw_build`) and replaced by the `index_manager`. All of it is
derived data: it can be deleted at any time, and the service makes it again from the store.
"""
