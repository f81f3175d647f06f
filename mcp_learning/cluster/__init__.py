"""One machine, many processes: one leads, the others follow, and one of them takes over.

The process that holds the `leader_lock` has the database open and answers the others over a
private socket (`leader`), which they find by its `address`. Followers (`follower`) send each call
as a frame (`frames`, `channel`) that `methods` describes, and load neither DuckDB nor the model.
When the leader is gone, calls in flight are repeated at its successor. `member` joins a process to
the cluster; `exclusive_access` gives one process the database file alone; `blocking_client` asks
the leader with the standard library only.
"""
