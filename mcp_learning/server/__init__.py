"""The MCP server of the learning service: tools, resources, prompts and completions.

Each tool validates its arguments, makes one service call and formats the answer. `tools` is the
table of them, `schema` makes their JSON schemas, `answers` and the modules next to it write the
texts for the language model, `insights` a page for a person. `app` puts them together, and
`service_runner` runs the service. `stdio.serve` serves one client, and answers `initialize` before
the embedding model is imported; `http.serve` serves any number. `json_rpc` answers messages that
the SDK can't parse.
"""
