"""Adds the server and its hooks to the configuration of agent clients, and takes them out again.

`agents` knows where each client keeps its configuration; `plan` makes the changes and carries them
out; `entries` edits one text (`jsonc` edits JSON in place); `files` writes it, with backups and a
record of what was installed.
"""
