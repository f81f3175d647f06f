"""What became of executions after they were recorded: in git, in test results, in later sessions.

Each module makes judgements of one kind of fact; `Learning.judge` takes them.
"""
