"""Recorded sessions of agent clients: one reader per client, and one model of a session.

A client's module has its name as `SOURCE`, the `default_directory` of its sessions, and `read`,
which makes a `sessions.Session` of a regular file: its `events`, in order and bounded. What can't
be read is noted, under the name that the file is given; without one it is the only file. `reading`
has what readers share. `boundaries` tells which prompts begin tasks, by what happened and by the
words of `wording`. What is recorded of a task is decided in `capture`.
"""
