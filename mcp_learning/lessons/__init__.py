"""Lessons that executions taught: finding, validating, testing and choosing them.

Pure functions over values. `findings` and `recurrences` derive lessons from recorded executions;
`refusals` rejects texts that may not be a lesson; `merging` joins new lessons with the stored ones;
`trials` assigns tasks to a randomised trial and keeps or retires a lesson by its effect; `linking`
finds the executions of the tasks in a trial; `matching` chooses lessons for a task, and `packets`
the kinds of tasks that an agent should write one about. `replay` evaluates lessons on a history.
"""
