"""Recorded sessions of agent clients: one reader per client, and one model of a session.

A client's module has its name as `SOURCE`, the `default_directory` of its sessions, and `read`,
which makes a `sessions.Session` of a file: its `events`, in order and bounded. `boundaries` tells
which prompts begin tasks, by what happened and by the words of `wording`. What is recorded of a
task is decided in `capture`.
"""
