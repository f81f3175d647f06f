"""Any question gets an answer or an empty one, never an error from inside."""

import pytest
from service.examples import EXPORT, LOGIN, found_ids, query, record

from mcp_learning.service.learning import LearningService

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    "text",
    [
        "the of and to in",
        "?!.,;: -- ... ()[]{}",
        "word " * 4_000,
        "unbroken" * 2_500,
        "修复登录重定向循环" * 2_000,
        "ошибка входа после истечения сеанса",
        'login AND (redirect OR "loop") NOT export* ^2 ~',
        "'; DROP TABLE executions; --",
        "description:login +redirect -loop [a TO z] \\",
        "\U0001f600 \u200b \u202e",
    ],
    ids=lambda text: text[:12],
)
async def test_an_odd_question_is_answered_and_harms_nothing(
    service: LearningService, text: str
) -> None:
    login = (await record(service, LOGIN)).task_id
    export = (await record(service, EXPORT)).task_id

    assert set(await found_ids(service, text)) <= {login, export}

    assert await query(service, "SELECT count(*) FROM executions") == [(2,)]
    assert await found_ids(service, LOGIN) == [login]
