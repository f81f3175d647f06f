"""Requests and results of the learning service: frozen pydantic models.

`requests` has one model per tool, whose fields are the tool's arguments; `results` has the answers.
The other modules have those of the other methods of the service, and values that many rooms share.
Nothing here depends on how executions are stored or searched.
"""
