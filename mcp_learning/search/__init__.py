"""Derived indexes over the truth, and the search that combines them.

`catalog` gives every execution a row, by which `exact` (vectors in memory) and `words` (BM25, of
`terms`, in `segment`s, with `choice` picking a question's informative terms) number theirs; `rows`
keeps the three up with the truth, `word_file` keeps the words between starts. `hnsw` is a DuckDB
VSS index in a file of its own, built by the child process `hnsw_build` with the extension that
`vss` loads; `index_slot` verifies, replaces and retires it. `hybrid` plans and searches; `judge`
says how similar rows are, by the one similarity that `fusion` makes of words and meaning; `scan`
finds the best of all, with bounds from `heads`; `groups` makes one match of the runs of a task;
`summaries` keeps at hand what is shown. Everything here can be deleted at any time: it is rebuilt
from the truth, which no index can harm.
"""
