"""One machine, many processes: one leads, the others follow, and one of them takes over.

`connect.connect(settings)` yields the learning service as a `Learning`; `member.ClusterMember` is
what a server keeps running for it. The process that holds the `leader_lock` has the database open
and answers the others over a private socket (`leader`), which they find by its `address`. Followers
(`follower`) send each call as a frame (`frames`, `channel`) and load neither DuckDB nor the model.
`methods` derives the calls from the protocol of the service. When the leader goes away, calls in
flight are repeated at its successor. `exclusive_access` keeps every other process away from the
database file. `blocking_client` calls the leader with the standard library only; so that importing
it stays cheap, this package imports nothing here.
"""
