"""Secrets never reach the disk, an embedding or an answer, and their number is returned."""

from collections.abc import Callable
from typing import Any

import pytest
from service.examples import EXPORT, LOGIN, all_bytes, find, query, record
from services import open_service

from mcp_learning.models.lessons import ChangeLesson, SaveLesson
from mcp_learning.models.requests import GetExecution, SubmitFeedback
from mcp_learning.service.learning import LearningService
from mcp_learning.settings import Settings

pytestmark = pytest.mark.anyio

# Put together here, so that no scanner takes this file for a leak.
TOKEN = "ghp_" + "A1b2C3d4E5f6G7h8I9j0K1l2M3n4O5p6Q7r8"
OTHER_TOKEN = "ghp_" + "Z9y8X7w6V5u4T3s2R1q0P9o8N7m6L5k4J3i2"
KEY = "AKIA" + "Q3EGRVZ5KLM2NOP7"
PASSWORD = "correct-horse" + "-battery-9"

FIELDS: dict[str, Callable[[str], dict[str, Any]]] = {
    "task_type": lambda secret: {"task_type": secret},
    "repo": lambda secret: {"repo": f"https://{secret}@github.com/acme/shop"},
    "approach": lambda secret: {"approach": f"use {secret}"},
    "model_tier": lambda secret: {"model_tier": secret},
    "pool_type": lambda secret: {"pool_type": secret},
    "swarm_topology": lambda secret: {"swarm_topology": secret},
    "solution_summary": lambda secret: {"solution_summary": f"export GH={secret}"},
    "error_type": lambda secret: {"error_type": secret},
    "error_message": lambda secret: {"error_message": f"401 for {secret}"},
    "a value in metadata": lambda secret: {"details": {"metadata": {"a": [{"b": secret}]}}},
    "a key in metadata": lambda secret: {"details": {"metadata": {secret: 1}}},
}


@pytest.mark.parametrize("field", FIELDS)
async def test_a_secret_in_any_field_stays_off_the_disk(
    field: str, service: LearningService, settings: Settings
) -> None:
    recorded = await record(service, LOGIN, **FIELDS[field](TOKEN))

    # While the write-ahead log holds the row in plain text: in a closed file it may be compressed.
    written = all_bytes(settings.data_dir)
    assert LOGIN.encode() in written
    assert TOKEN.encode() not in written
    assert recorded.redactions == 1
    detail = await service.get(GetExecution(task_id=recorded.task_id))
    assert TOKEN not in detail.model_dump_json()
    assert "[redacted:github-token]" in detail.model_dump_json()


async def test_no_secret_of_a_session_is_left_in_any_file(
    service: LearningService, settings: Settings
) -> None:
    description = f"Deploy with {KEY} and postgres://admin:{PASSWORD}@db.internal/shop"
    recorded = await record(
        service,
        description,
        outcome="failure",
        error_message=f"Authorization: Bearer {TOKEN}",
        details={"metadata": {"password": PASSWORD}},
    )
    assert recorded.redactions == 4
    comment = f"my token is {OTHER_TOKEN}"
    stored = await service.feedback(
        SubmitFeedback(task_id=recorded.task_id, comment=comment).identified()
    )
    assert stored.redactions == 1
    found = await find(service, f"{description} {OTHER_TOKEN}")
    assert found.matches

    secrets = [text.encode() for text in (TOKEN, OTHER_TOKEN, KEY, PASSWORD)]
    open_files = all_bytes(settings.data_dir)
    await service.close()
    closed_files = all_bytes(settings.data_dir)

    assert b"Deploy with" in open_files
    assert [secret for secret in secrets if secret in open_files + closed_files] == []
    assert not any(secret.decode() in found.model_dump_json() for secret in secrets)


async def test_no_secret_in_the_address_of_a_repository_comes_with_a_lesson_or_a_question(
    service: LearningService, settings: Settings
) -> None:
    repo = f"https://{TOKEN}@github.com/acme/shop"
    evidence = [(await record(service, LOGIN, repo="acme/shop")).task_id]
    lesson = SaveLesson(when=LOGIN, do="clear the cookie", evidence=evidence, repo=repo)
    saved = await service.save_lesson(lesson)
    assert saved.redactions == 1
    approved = ChangeLesson(lesson_id=str(saved.lesson_id), action="approve")
    await service.change_lesson(approved)
    assert (await find(service, LOGIN, repo=repo)).lessons
    await service.close()
    assert TOKEN.encode() not in all_bytes(settings.data_dir)
    again = open_service(settings)
    ((noted,),) = await query(again, "SELECT repo FROM lesson_showings")
    await again.close()
    assert noted == "https://[redacted:github-token]@github.com/acme/shop"


async def test_a_secret_is_gone_before_a_text_is_embedded(service: LearningService) -> None:
    await record(service, f"Rotate the token {TOKEN} of the deploy job")
    await record(service, f"Rotate the token {OTHER_TOKEN} of the deploy job")
    await record(service, EXPORT)

    found = await find(service, "Rotate the token ghp_" + "x0" * 18 + " of the deploy job")

    assert found.matches[0].runs.total == 2
    assert found.matches[0].similarity == pytest.approx(1, abs=1e-3)
    vectors = await query(service, "SELECT DISTINCT embedding FROM embeddings")
    assert len(vectors) == 2


async def test_an_update_counts_its_own_secrets_only(service: LearningService) -> None:
    task_id = (await record(service, LOGIN, approach=TOKEN)).task_id
    assert (await record(service, LOGIN, task_id=task_id)).redactions == 0
