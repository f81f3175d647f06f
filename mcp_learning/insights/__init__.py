"""Statistics over recorded executions.

`report` makes the answer of learning_stats (`stats`) and the page of insights (`insights`).
`failures` finds the commonest failure patterns and what fixed them. Both read aggregates from a
`Store` and compute on a worker thread. `rates` has success rates with intervals and corrected
comparisons; `patterns` groups error texts; `timeline` and `findings` are for the dashboard.
"""
