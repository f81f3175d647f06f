"""Agent clients: their configuration and hooks, and executions that come from elsewhere.

`install` edits the configuration of agent clients; `hooks` answers their hooks, with `hook_paths`
to find the data directory; `transcripts` reads recorded sessions; `capture` stores what a session
shows; `transfer` reads and writes git history, tables and exports. Reading blocks: call it from a
worker thread when there is an event loop.
"""
