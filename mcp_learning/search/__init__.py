"""Searches the stored executions in memory: what a query matches, and how well.

`Retriever` is the entry point. It holds a `RowTable`: the columns of every execution (`catalog`),
its vector (`exact`, with `pca_bounds` to skip most comparisons) and its words (`lexical`), all
under the same row numbers. `Retriever.search` takes a `Snapshot` of the table, gets candidates
from all rows (`scan`) or from the indexes (`candidates`, `hnsw`), scores them (`scorer`, `fusion`)
and groups the runs of each task (`groups`). `Retriever.related` finds tasks of the same kind of
work (`relevance_feedback`, with the learned `metric`). The index is a DuckDB file with the VSS
extension (`vss`), which a child process builds (`build_process`, `hnsw_build`) and `index_manager`
replaces. All of it is derived data: it can be deleted at any time, and is rebuilt from the store.
"""
