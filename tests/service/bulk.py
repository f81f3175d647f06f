"""Many executions at once, for the tests of the learning service."""

from uuid import uuid4

from service.examples import LOGIN
from store.rows import execution

from mcp_learning.service.learning import LearningService


async def insert_login_tasks(service: LearningService, count: int) -> None:
    """Login tasks, each with an approach of its own; every second one failed. They share a text."""
    rows = [
        execution(
            task_id=uuid4(),
            task_description=LOGIN,
            approach=f"approach {number}",
            outcome="success" if number % 2 else "failure",
        )
        for number in range(count)
    ]
    await service.store.insert_many(rows)
