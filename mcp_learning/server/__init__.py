"""The MCP face of the learning service: tools, resources, prompts, completions over stdio.

Each tool validates its arguments, makes one service call and shapes the answer. `tools` is the
table of them, `schema` what clients see of the models, `answers` what the language model reads,
`insights` the page for a person. `app` puts them together, `host` holds the service, `wire` answers
what the SDK can't parse, and `stdio.serve` runs it all: it answers `initialize` before the
embedding model is imported.
"""
