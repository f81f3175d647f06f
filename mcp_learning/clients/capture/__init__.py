"""Makes executions of the tasks in an agent's session.

`tasks` makes an execution of a task, the same for an import and for a hook, by `outcomes`,
`summaries`, `task_types`, `repositories` and `traces`; `recording` stores the latest tasks of a
session for a hook.
"""
