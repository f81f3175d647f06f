"""Agent clients and files of other programs: configuration, hooks, imports and exports.

`install` edits the configuration of agent clients. `hook_events` parses the input of their hooks
and formats the answers, and `hook_paths` finds the data directory for them. `transcripts` has one
reader per client, which makes a `Session` of a file; `capture` makes executions of its tasks, the
same for an import and for a hook. `judging` corrects outcomes by later facts. `transfer` reads git
histories and tables, and writes exports; `sources` lists what can be imported, and `values` parses
texts, times and ids. Readers block: call them from a worker thread if there is an event loop.
"""
