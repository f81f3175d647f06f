"""One memory for many machines: what is recorded here is exchanged with a team's PostgreSQL.

Each host answers from its own database, which holds the team's executions too. `exchange.Exchange`
pushes what the store's outbox holds and pulls what others pushed; `sync.TeamSync` does so in the
background while a process leads, and `service.sharing_service` puts it beside the learning service.
`access` says where the team's store is and refuses connections that aren't safe. `postgres` alone
knows PostgreSQL: its SQL, its schema and its errors. Without a team in the settings nothing of it
is imported.
"""
