"""Recorded sessions of agent clients: one reader per client, and one model of a session.

A client's module has its name as `SOURCE`, the `default_directory` of its sessions, and `read`,
which makes a `sessions.Session` of a regular file: its `events`, in order and bounded. What can't
be read is noted, with the name of the file (empty: it is the only one). `reading` is the base of
the readers. `boundaries` decides which prompts begin tasks, by the events and by the words of
`wording`. What is recorded of a task is decided in `capture`.
"""
