"""Recommends options for a task: success rates on similar tasks, with their uncertainty.

`history` caches the figures of all executions that have `ended`; `gather` selects the evidence
for a task and `evidence` weighs it; `estimate` makes rates of it: a `belief` that is updated level
by level, as far as `strengths` has learned from the history that levels differ, and with
`changepoint` for options that changed. `compare` runs these steps. `pitfalls` lists failures on
similar tasks; `recommend` makes the answer.

`past` holds the executions up to a moment that moves forward; `replay` predicts the outcomes of a
history with it, through the same `compare`; `evaluation` and `scores` measure how well.
"""
