"""Recorded sessions of agent clients: one reader per client, and one model of a session.

A client's module has its name as `SOURCE`, the `default_directory` of its sessions, and `read`,
which makes a `sessions.Session` of a file. What is recorded of a session is decided in `capture`.
"""
