"""From a session to what is recorded of it.

`tasks` makes an execution of a task, the same for an import and for a hook; `recording` stores that
of the latest task of a session.
"""
