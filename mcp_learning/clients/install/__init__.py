"""Adds the server and its hooks to the configuration of agent clients, and removes them again.

`agents` says where each client keeps its configuration and which command of its own edits it.
`plan` works out what changes in which file, and carries it out. Below it, `entries` says what a
configuration holds with and without the server, `documents` rewrites a JSON or TOML text to hold
that, and `files` replaces files and keeps backups with a record of what was installed.
"""
