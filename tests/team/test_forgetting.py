"""What a host forgets that it may not hold: nothing of it stays, here or with the team."""

from contextlib import suppress
from typing import Any
from uuid import UUID

import pytest
from service.examples import query
from team.hosts import Pair, exchange
from team.partial import TASKS, find, ids_of, share

from mcp_learning.errors import NotFound
from mcp_learning.models.requests import ForgetExecutions, SubmitFeedback
from mcp_learning.store.shared import Part
from mcp_learning.store.types import Deletion, Selection
from mcp_learning.team.fetching import Fetcher

pytestmark = pytest.mark.anyio


async def test_what_leaves_this_host_while_it_is_forgotten_is_forgotten_by_the_team_too(
    whole_and_part: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, part = whole_and_part
    ids = [await whole.record("tidy up", task_type="chore") for _ in range(2)]
    await share(whole, part)
    await part.execution(ids[0])
    selected = Fetcher.selected

    async def evicted_after(self: Fetcher, selection: Selection) -> list[UUID]:
        found = await selected(self, selection)
        await part.service.store.evict(Part("", None, most=0, fetched=0))
        assert await part.service.store.absent(ids) == ids
        return found

    monkeypatch.setattr(Fetcher, "selected", evicted_after)
    request = ForgetExecutions(task_type="chore", dry_run=False)
    assert (await part.service.forget(request)).executions == 2
    await exchange(part, whole)
    assert await whole.service.store.absent(ids) == ids


async def test_what_a_question_fetches_while_it_is_forgotten_doesn_t_stay(
    whole_and_part: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, part = whole_and_part
    ids = [await whole.record(task) for task in TASKS]
    await share(whole, part)
    delete = part.service.store.delete

    async def shown_after(*args: Any, **kwargs: Any) -> Deletion:
        done = await delete(*args, **kwargs)
        with suppress(NotFound):
            await part.execution(ids[0])
        return done

    monkeypatch.setattr(part.service.store, "delete", shown_after)
    request = ForgetExecutions(task_ids=ids[:1], dry_run=False)
    assert (await part.service.forget(request)).executions == 1
    await part.exchange()
    assert await part.service.store.absent(ids[:1]) == ids[:1]
    with pytest.raises(NotFound):
        await part.execution(ids[0])


async def test_what_is_told_of_what_is_still_to_be_forgotten_by_the_team_isn_t_stored_again(
    whole_and_part: Pair,
) -> None:
    whole, part = whole_and_part
    ids = [await whole.record(task) for task in TASKS]
    user = await whole.record("translate the imprint", used_task_ids=ids[:1])
    said = SubmitFeedback(task_id=ids[0], comment="a secret").identified()
    await whole.service.feedback(said)
    await share(whole, part)
    request = ForgetExecutions(task_ids=ids[:1], dry_run=False)
    assert (await part.service.forget(request)).executions == 1
    assert ids_of(await find(part, f"{TASKS[0]}; translate the imprint"))[:1] == [user]
    assert await query(part.service, "SELECT * FROM feedback") == []
    assert await query(part.service, "SELECT * FROM uses") == []
