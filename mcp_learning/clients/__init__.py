"""Where experience comes from besides the tools: the history of a git repository.

`git` reads commits, of a repository or of the sample that is shipped; `commits` says what each one
teaches: a task, its kind, its approach, and whether it lasted or was reverted. What comes out are
ordinary `RecordExecution` requests. Reading blocks (it starts the git program), so call it from a
worker thread when there is an event loop.
"""
