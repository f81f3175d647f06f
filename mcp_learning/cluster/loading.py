"""Imports the service, which only a leader needs; call it on a thread, since it takes long."""

from importlib import import_module
from typing import TYPE_CHECKING

from mcp_learning.cluster.address import Address

if TYPE_CHECKING:
    from mcp_learning.service.learning import LearningService


def load_service() -> "type[LearningService]":
    """Imports the service, and makes the models and the patterns that a first record needs."""
    service: type[LearningService] = import_module("mcp_learning.service.learning").LearningService
    requests, results, telemetry = (
        import_module(f"mcp_learning.models.{name}")
        for name in ("requests", "results", "telemetry")
    )
    for model in (results.Execution, results.Recorded, Address, telemetry.Event):
        model.model_rebuild()
    record = requests.RecordExecution(task_type="-", task_description="-", outcome="success")
    import_module("mcp_learning.redaction.executions").redact_execution(record)
    return service
