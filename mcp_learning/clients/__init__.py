"""Agent clients, and where experience comes from besides the tools.

Clients: `agents` says where each keeps its configuration, `installation` plans and makes changes
to it, of which `entries` makes the text (`jsonc` edits JSON in place) and `files` the bytes, copies
and receipts. `hooks` answers Claude Code's hooks with next to no imports (`places` finds the data
directory); `recording` stores what a `transcript` tells of a session.

History: `git` reads commits, of a repository or of the sample that is shipped; `commits` says what
each one teaches: a task, its kind, its approach, and whether it lasted or was reverted. What comes
out are ordinary `RecordExecution` requests. Reading blocks (it starts the git program), so call it
from a worker thread when there is an event loop.
"""
