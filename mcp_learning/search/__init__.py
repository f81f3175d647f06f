"""Derived indexes over the truth, and the search that combines them.

`exact` is a matrix in memory; `hnsw` is a DuckDB VSS index in a file of its own, built by the child
process `hnsw_build` with the extension that `vss` loads; `hybrid` plans, searches, checks every
candidate against the truth, groups runs of the same task and applies the relevance floor;
`summaries` keeps at hand what is shown. Everything here can be deleted at any time:
it is rebuilt from the truth, which no index can harm.
"""
