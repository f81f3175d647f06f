"""Synthetic executions, for trying the package at scale.

`generator` makes tasks and their executions from a seed, with `task_types` and `vocabulary`, whose
texts are in `texts.toml`. `loading` embeds and inserts them.
"""
