"""Agent clients and files of other programs: configuration, hooks, imports and exports.

`install` edits the configuration of agent clients. `hook_events` says what their hooks tell and are
answered, and `hook_paths` finds the data directory for them. `transcripts` has one reader per
client, which makes a `Session` of a file; `capture` makes executions of its tasks, the same for an
import and for a hook. `judging` corrects outcomes by later facts. `transfer` reads git histories
and tables, and writes exports; `sources` lists what can be imported, and `values` has what texts,
times and ids of files need. Readers block: call them from a worker thread when there is a loop.
"""
