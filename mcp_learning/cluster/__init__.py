"""Many processes on one machine share a database: one leads, the others follow.

`connect.connect(settings)` yields the learning service as a `Learning`; a server keeps a
`member.ClusterMember` running for it. The process that holds the `leader_lock` has the database
open and answers the others over a private socket (`leader`), which they find by its `address`.
Followers (`follower`) send each call as a frame (`frames`, `channel`) and load neither DuckDB nor
the model. `methods` derives the calls from the protocol of the service. When the leader ends, a
follower becomes the leader, and calls in flight are repeated there. `exclusive_access` keeps other
processes from opening the database file. `blocking_client` calls the leader with the standard
library only; importing it has to stay cheap, so this `__init__` imports nothing.
"""
