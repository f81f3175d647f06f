"""Imports the service, which only a leader needs; call it on a thread, since it takes long."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mcp_learning.service.learning import LearningService


def load_service() -> "type[LearningService]":
    """Imports the service, and makes the models and the patterns that a first record needs."""
    service: type[LearningService] = import_module("mcp_learning.service.learning").LearningService
    models = (import_module(f"mcp_learning.models.{name}") for name in ("requests", "results"))
    requests, results = models
    asked = (requests.RecordExecution, requests.Details)  # the latter makes a default by itself
    for model in (*asked, results.Execution, results.Recorded):
        model.model_rebuild()
    import_module("mcp_learning.redaction.secrets").redact("")  # makes those of every text
    return service
