"""One database, many processes: one leads, the others follow, and one of them takes over.

Every process holds a `SharedService` (`service`), which has the methods of the learning service.
Whoever holds the `seat`, a file lock, leads: it has the database open and answers the others over
a private socket (`leader`), which they find by its `address`. The others follow (`follower`): they
send each call as a frame (`frames`, `channel`) that `methods` describes, and load neither DuckDB
nor the model. When the leader is gone, calls in flight are repeated at its successor. Work that
replaces the database file under nobody's eyes holds the seat `alone`. A process that lives for a
moment asks the leader `once`, with the standard library alone.
"""
