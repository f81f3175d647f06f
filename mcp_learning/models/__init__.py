"""What goes into the learning service and what comes out: frozen pydantic models.

`requests` holds one model per tool, its fields being the tool's arguments; `results` holds what
the service returns. Neither knows how anything is stored or searched.
"""
