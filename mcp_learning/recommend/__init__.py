"""Which option to try: rates of success on similar tasks, with intervals.

`gather` selects the executions that are evidence for a task and `evidence` weighs them; `estimate`
turns them into rates per option, using `posterior` for the Beta posteriors and `changepoint` for
options that changed; `pitfalls` lists what failed on similar tasks; `recommend` makes the answer.
"""
