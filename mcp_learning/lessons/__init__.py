"""Lessons: what many executions taught, found, checked, tried and retired.

Pure functions over values. `findings` and `recurrences` make lessons of experience alone;
`refusals` says what may not be one; `merging` joins what is found and told with what is stored;
`trials` decides by effect who is shown a lesson and what becomes of it; `linking` finds the
executions that tasks became; `matching` chooses lessons for a task, and `packets` what an agent
should write one about. `replay` and `worlds` measure them.
"""
