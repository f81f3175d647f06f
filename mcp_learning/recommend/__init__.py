"""Which option to try: rates of success on similar tasks, with their uncertainty.

`history` holds what is known of all executions that have `ended`, `gather` selects those that are
evidence for a task and `evidence` weighs them; `estimate` turns them into rates per option: a
`belief` that changes from level to level, as far as `strengths` has learned from the history that
it should, and `changepoint` for options that changed. `compare` does one after the other.
`pitfalls` lists what failed on similar tasks; `recommend` makes the answer.

`past` holds executions in memory as of a moment that moves forward; `replay` predicts outcomes of a
history with it, by the same `compare`; `evaluation` and `scores` say how well.
"""
