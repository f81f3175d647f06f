"""Shares executions between machines, through a team's PostgreSQL.

Each host answers from its own database, which holds the team's executions too. `exchange.Exchange`
pushes the store's outbox and pulls what others pushed; `sync.TeamSync` does so in the background
while a process leads; `fetching.Fetcher` fetches what a host doesn't hold. `service.SharedLearning`
is the learning service with both. `access` says where the team's store is and refuses connections
that aren't safe. `postgres` alone knows PostgreSQL: its SQL, its schema and its errors. Without a
team in the settings nothing of it is imported.
"""
