"""Selects the learning service that a leading process makes: one with a team, if there is one."""

from importlib import import_module
from typing import TYPE_CHECKING

from mcp_learning.cluster.member import MakeService
from mcp_learning.settings import Settings
from mcp_learning.store.protocol import FileStore

if TYPE_CHECKING:
    from mcp_learning.service.learning import LearningService


def service_of(settings: Settings) -> MakeService | None:
    """The argument `service` of `ClusterMember`; None without a team. Imports nothing itself."""
    if not settings.shares:
        return None

    def make(settings: Settings, store: FileStore) -> "LearningService":
        service: LearningService = import_module("mcp_learning.team.service").SharedLearning(
            settings, store
        )
        return service

    return make
