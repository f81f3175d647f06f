"""Synthetic executions, for trying the product out at scale.

`generator` makes tasks and their executions from a seed, with the texts in `task_types` and
`vocabulary`. `loading` embeds and inserts them.
"""
