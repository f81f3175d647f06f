"""Synthetic executions, for trying the product out at scale.

`vocabulary` holds the words, `generator` makes tasks and their executions from a seed, `loading`
embeds and inserts them.
"""
