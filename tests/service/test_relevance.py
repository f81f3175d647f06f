"""What has nothing to do with any task gets no answer, in any language, with the bundled model."""

import pytest

from mcp_learning.models.requests import FindSimilarTasks, RecordExecution
from mcp_learning.service.learning import LearningService

pytestmark = pytest.mark.anyio

TASKS = (
    "fix the login redirect loop after the session expires",
    "add pagination to the users endpoint",
    "upgrade Django from 3.2 to 4.2 and repair the tests",
    "the image worker runs out of memory on large uploads",
    "commit messages are checked by a hook",
    "translate the settings page to German",
    "die Suche findet Umlaute nicht",
    "修复会话过期后登录页面无限重定向的问题",
)

RECIPES = {
    "German": "Wie lange muss ein Zwiebelkuchen im Ofen backen?",
    "French": "Combien de temps cuire une tarte aux pommes ?",
    "Spanish": "¿Cuánto tarda en hornearse una empanada gallega?",
    "Portuguese": "Quanto tempo o bolo de fubá fica no forno?",
    "Italian": "Quanto deve cuocere la lasagna in forno?",
    "Russian": "Сколько минут варить борщ?",
    "Chinese": "红烧肉要炖多长时间才好吃",
    "Japanese": "肉じゃがは何分煮ればいいですか",
    "Korean": "김치찌개는 얼마나 끓여야 하나요?",
    "Arabic": "كم من الوقت يحتاج الخبز في الفرن؟",
    "Hindi": "खीर को कितनी देर पकाना चाहिए?",
}

SMALL_TALK = (
    *("continue", "thanks, commit it", "yes, do that", "go on", "looks good to me"),
    *("weiter", "danke dir", "merci bien", "sigue, por favor", "grazie mille", "obrigado"),
    *(
        "继续",
        "谢谢你",
        "続けて",
        "ありがとう",
        "계속해 줘",
        "спасибо большое",
        "дальше",
        "شكرا لك",
    ),
    *("🔥", "👍👍", "\u200b\u200d", "???", "ทำต่อ"),
)


@pytest.fixture
async def filled(service: LearningService) -> LearningService:
    for task in TASKS:
        told = {"task_type": "bug_fix", "task_description": task, "outcome": "success"}
        await service.record(RecordExecution.model_validate(told))
    return service


async def found(service: LearningService, question: str, **arguments: object) -> list[str]:
    given = {"task_description": question, **arguments}
    answer = await service.find(FindSimilarTasks.model_validate(given))
    return [match.task_description for match in answer.matches]


async def test_a_recipe_in_any_language_finds_no_task(filled: LearningService) -> None:
    assert {name: await found(filled, text) for name, text in RECIPES.items()} == {
        name: [] for name in RECIPES
    }


async def test_small_talk_in_any_language_finds_no_task(filled: LearningService) -> None:
    assert {text: await found(filled, text) for text in SMALL_TALK} == {
        text: [] for text in SMALL_TALK
    }


@pytest.mark.parametrize(
    ("question", "task"),
    [
        ("users are sent back to the sign-in page for ever when the session ends", TASKS[0]),
        ("GET /users should return results page by page", TASKS[1]),
        ("background job gets OOM killed when a big picture is uploaded", TASKS[3]),
        ("die Suche findet ä und ö nicht", TASKS[6]),
        ("会话过期以后登录一直重定向", TASKS[7]),
    ],
)
async def test_a_task_in_other_words_is_found(
    question: str, task: str, filled: LearningService
) -> None:
    assert (await found(filled, question))[:1] == [task]


async def test_each_match_says_how_sure_it_is(filled: LearningService) -> None:
    request = FindSimilarTasks(task_description=TASKS[0])
    (first, *_) = (await filled.find(request)).matches
    assert first.confidence == "likely"
    all_of_them = request.model_copy(update={"min_similarity": 0.0, "limit": 20})
    answer = await filled.find(all_of_them)
    assert len(answer.matches) == len(TASKS)
    assert answer.matches[-1].confidence == "possible"


@pytest.mark.parametrize(
    ("task", "order"),
    [
        ("automate the version bump of the documentation, and its changelog", "Bump the version"),
        ("the tests run again and again when one of them fails", "run the tests again, please"),
    ],
)
async def test_an_order_of_everyday_work_has_no_likely_match_but_its_own_words(
    service: LearningService, task: str, order: str
) -> None:
    told = {"task_type": "task", "task_description": task, "outcome": "success"}
    await service.record(RecordExecution.model_validate(told))

    def ask(text: str) -> FindSimilarTasks:
        return FindSimilarTasks(task_description=text, min_similarity=0)

    assert (await service.find(ask(order))).matches[0].confidence == "possible"
    assert (await service.find(ask(task))).matches[0].confidence == "likely"
    await service.record(RecordExecution.model_validate({**told, "task_description": order}))
    assert (await service.find(ask(order))).matches[0].confidence == "likely"
