"""Generated data and measurements.

`vocabulary` holds the words, `generator` makes tasks and their runs from a seed, `loading` embeds
and inserts them. `suite` measures the product against its bars on a database of its own: servers
over pipes (`pipes`, `serving`), the parts in this process (`inside`); `report` prints the outcome.
"""
