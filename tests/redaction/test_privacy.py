"""Private spans and excluded repositories leave no trace, wherever text enters."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from service.examples import LOGIN, all_bytes, query, record

from mcp_learning.cluster.connect import connect
from mcp_learning.errors import InvalidInput
from mcp_learning.models.requests import (
    FindSimilarTasks,
    GetExecution,
    RecordExecution,
    SubmitFeedback,
)
from mcp_learning.models.transfer import ImportBatch, PastExecution
from mcp_learning.redaction.privacy import PLACEHOLDER, refuse_excluded, without_private
from mcp_learning.redaction.secrets import redact
from mcp_learning.service.learning import LearningService
from mcp_learning.settings import Settings
from mcp_learning.store import open_store

SECRET = "xyzzysecret"
MARKED = f"before <private>{SECRET}</private> after"


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("a <private>b</private> c", f"a {PLACEHOLDER} c"),
        ("a <PRIVATE>b</Private >c", f"a {PLACEHOLDER}c"),
        ("<private>a\nb</private>", PLACEHOLDER),
        ("a <private>b", f"a {PLACEHOLDER}"),
        ("a <private>b <private>c</private> d</private> e", f"a {PLACEHOLDER} e"),
        ("a <private>b <private>c</private> d", f"a {PLACEHOLDER}"),
        ("<private>a</private> b <private>c</private>", f"{PLACEHOLDER} b {PLACEHOLDER}"),
        ('a <private reason="x">b</private> c', f"a {PLACEHOLDER} c"),
        ("a &lt;private&gt;b&lt;/private&gt; c", f"a {PLACEHOLDER} c"),
        ("a </private> b", "a </private> b"),
        ("a private b, privateer <privately> <b>", "a private b, privateer <privately> <b>"),
    ],
)
def test_what_is_marked_goes_and_the_rest_stays(text: str, kept: str) -> None:
    assert without_private(text)[0] == kept
    assert redact(text) == (kept, kept.count(PLACEHOLDER))


_pieces = st.lists(
    st.sampled_from(["<private>", "</private>", "in", "out", " ", "<", "&lt;private&gt;"])
)


@given(_pieces)
def test_nothing_inside_of_any_span_stays_whatever_the_tags(pieces: list[str]) -> None:
    depth, marked = 0, []
    for piece in pieces:
        if "private" in piece:
            depth = max(0, depth - 1) if piece.startswith("</") else depth + 1
            marked.append(piece)
        else:
            marked.append(f"[{SECRET if depth else 'seen'}]")
    kept, spans = without_private("".join(marked))
    assert SECRET not in kept
    assert kept.count("[seen]") == marked.count("[seen]")
    assert without_private(kept) == (kept, 0)
    assert (spans > 0) == any(tag in pieces for tag in ("<private>", "&lt;private&gt;"))


@pytest.mark.anyio
async def test_a_private_span_is_in_no_file_and_no_vector(settings: Settings) -> None:
    service = LearningService(settings, open_store(settings))
    fields: dict[str, Any] = dict.fromkeys(
        ("repo", "approach", "model_tier", "solution_summary", "error_type", "error_message"),
        MARKED,
    )
    metadata = {"note": MARKED, "list": [MARKED], MARKED: {"password": MARKED}}
    made = await record(
        service, f"{LOGIN} {MARKED}", **fields, task_type=MARKED, details={"metadata": metadata}
    )
    assert made.redactions >= 10
    await service.feedback(SubmitFeedback(task_id=made.task_id, comment=MARKED).identified())
    plain = (await record(service, f"{LOGIN} before {PLACEHOLDER} after")).task_id
    await service.find(FindSimilarTasks(task_description=f"{LOGIN} {MARKED}"))
    vectors = await query(
        service,
        "SELECT (SELECT embedding FROM embeddings WHERE task_id = ?) = "
        "(SELECT embedding FROM embeddings WHERE task_id = ?)",
        made.task_id,
        plain,
    )
    assert vectors == [(True,)], "what was marked was embedded"
    detail = await service.get(GetExecution(task_id=made.task_id))
    assert detail.execution.solution_summary == f"before {PLACEHOLDER} after"
    await service.close()
    assert SECRET.encode() not in all_bytes(settings.data_dir)


@pytest.mark.parametrize(
    ("repo", "excluded", "refused"),
    [
        ("acme/payroll", "acme/payroll", True),
        ("Acme/Payroll", "acme/payroll", True),
        ("https://github.com/acme/payroll.git", "acme/payroll", True),
        ("git@github.com:acme/payroll.git", "acme/payroll", True),
        ("ssh://git@example.com:2222/acme/payroll", "acme/payroll", True),
        ("/home/me/src/acme/payroll/", "acme/payroll", True),
        ("C:\\src\\payroll", "payroll", True),
        ("acme/payroll", "shop, acme/*", True),
        ("/home/me/clients/one", "/home/me/clients/*", True),
        ("acme/payroll", "payroll", True),
        ("acme/payroll-tools", "acme/payroll", False),
        ("other/payroll", "acme/payroll", False),
        ("acme/shop", "acme/payroll,,", False),
        ("acme/shop", "", False),
        (None, "*", False),
    ],
)
def test_repositories_are_excluded_by_any_of_their_names(
    repo: str | None, excluded: str, refused: bool
) -> None:
    if not refused:
        refuse_excluded(repo, excluded)
        return
    with pytest.raises(InvalidInput, match="nothing was stored"):
        refuse_excluded(repo, excluded)


@pytest.mark.anyio
async def test_nothing_of_an_excluded_repository_is_stored(settings: Settings) -> None:
    first = LearningService(settings, open_store(settings))
    earlier = (await record(first, LOGIN, repo="acme/payroll")).task_id
    await first.close()
    service = LearningService(
        settings.model_copy(update={"excluded_repos": "acme/payroll"}), open_store(settings)
    )

    async def update(task_id: UUID) -> None:
        await record(service, SECRET, task_id=task_id)

    for attempt in (
        record(service, SECRET, repo="acme/payroll"),
        record(service, SECRET, repo="https://github.com/acme/payroll", task_id=UUID(int=5)),
        update(earlier),
        service.feedback(SubmitFeedback(task_id=earlier, comment=SECRET).identified()),
    ):
        with pytest.raises(InvalidInput, match="excluded_repos"):
            await attempt
    await record(service, LOGIN, repo="acme/shop")
    assert len(await query(service, "FROM executions")) == 2
    await service.close()
    assert SECRET.encode() not in all_bytes(settings.data_dir)


@pytest.mark.anyio
async def test_an_import_leaves_out_what_is_excluded_or_private(settings: Settings) -> None:
    mine = settings.model_copy(update={"excluded_repos": "acme/payroll"})
    service = LearningService(mine, open_store(mine))
    records = [
        PastExecution(
            task_id=UUID(int=number),
            recorded_at=datetime(2025, 1, 1, tzinfo=UTC),
            execution=RecordExecution(
                task_type="bug_fix", task_description=text, outcome="success", repo=repo
            ),
        )
        for number, (text, repo) in enumerate(
            [(SECRET, "acme/payroll"), (f"{LOGIN} {MARKED}", "acme/shop")], 1
        )
    ]
    for dry_run in (True, False):
        done = await service.import_batch(ImportBatch(records=records, dry_run=dry_run))
        assert (done.created, done.excluded) == (1, 1)
    await service.close()
    assert SECRET.encode() not in all_bytes(settings.data_dir)


@pytest.mark.anyio
async def test_a_follower_s_own_exclusion_counts_whatever_the_leader_s(settings: Settings) -> None:
    mine = settings.model_copy(update={"excluded_repos": "acme/payroll"})
    async with connect(settings) as leader, connect(mine) as follower:
        await leader.health()
        with pytest.raises(InvalidInput, match="excluded_repos"):
            await record(follower, LOGIN, repo="acme/payroll")  # type: ignore[arg-type]
        assert (await leader.health()).rows == 0
