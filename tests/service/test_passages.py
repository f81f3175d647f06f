"""Long descriptions are found by all of their text, and the answer shows what matched."""

import pytest
from service.examples import EXPORT, LOGIN, find, record

from mcp_learning.models.requests import FindSimilarTasks
from mcp_learning.server import matches
from mcp_learning.service.learning import LearningService

pytestmark = pytest.mark.anyio

TALK = [
    "The invoices of March have to move to the new ledger before the audit starts. The accountants "
    "have asked twice, and the old ledger is read-only from April on, so let us begin this week.",
    "The tests of the date parser fail every winter when the clocks are changed. The fixtures name "
    "a day without an hour between two and three, and nobody has dared to touch them since then.",
    "The image of the container is a gigabyte too large, since it has a compiler in it. Building "
    "it in two stages would leave the compiler out, and the pipeline would be minutes faster.",
    "Translations into Dutch are late, and somebody has to ask the agency about it. They got the "
    "new texts only last Monday, and the release can go out in the other languages meanwhile.",
]
AT_LAST = (
    "The espresso machine in the kitchen should order its own beans when it runs low. It knows how "
    "many cups it has made, and the shop has an interface for orders that anybody may use."
)
DIALOGUE = "\n".join([*TALK * 3, AT_LAST, *TALK[:2]])
QUESTION = "have the coffee maker buy beans by itself"


async def test_what_is_said_late_in_a_long_text_is_found_and_shown(
    service: LearningService,
) -> None:
    await record(service, LOGIN)
    long = (await record(service, DIALOGUE, outcome="failure")).task_id
    await record(service, EXPORT)

    found = await find(service, QUESTION)

    (match, *_) = found.matches
    assert match.task_id == long
    assert match.passage is not None
    assert AT_LAST in match.passage
    trimmed, text = matches.similar(found, FindSimilarTasks(task_description=QUESTION))
    assert "espresso machine" in str(trimmed.matches[0].passage)
    assert "what matched" in text
    short = (await find(service, LOGIN)).matches[0]
    assert short.passage is None


async def test_what_matched_by_its_words_alone_is_shown(service: LearningService) -> None:
    await record(service, f"{DIALOGUE}\nSee ticket ZZ-99.\n" + "\n".join(TALK))
    (match, *_) = (await find(service, "ZZ-99")).matches
    assert match.passage is not None
    assert "ZZ-99" in match.passage


async def test_a_changed_text_is_no_longer_found_by_what_it_said(service: LearningService) -> None:
    task_id = (await record(service, DIALOGUE)).task_id
    before = (await find(service, QUESTION, min_similarity=0)).matches[0].similarity
    await record(service, "\n".join(TALK * 3), task_id=str(task_id))
    after = (await find(service, QUESTION, min_similarity=0)).matches[0].similarity
    assert after < before - 0.1


async def test_vectors_of_passages_are_no_executions(service: LearningService) -> None:
    await record(service, DIALOGUE)
    await record(service, LOGIN)
    found = await find(service, QUESTION)
    health = await service.health()
    assert (found.search.candidates, health.rows, health.embedded, health.pending) == (2, 2, 2, 0)
