"""Private spans leave no trace, wherever text enters."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from service.examples import LOGIN, all_bytes, query, record
from services import open_service

from mcp_learning.models.requests import (
    FindSimilarTasks,
    GetExecution,
    SubmitFeedback,
)
from mcp_learning.redaction.privacy import PLACEHOLDER, without_private
from mcp_learning.redaction.secrets import redact
from mcp_learning.settings import Settings

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
        ("a &#60;private&#62;b&#x3C;/private&#x3E; c", f"a {PLACEHOLDER} c"),
        ("a &amp;lt;private&amp;gt;b&amp;lt;/private&amp;gt; c", f"a {PLACEHOLDER} c"),
        (r"a \u003cprivate\u003eb\u003c/private\u003e c", f"a {PLACEHOLDER} c"),
        (r"a \\u003Cprivate\\u003Eb\\x3c/private\\x3e c", f"a {PLACEHOLDER} c"),
        ("a %3Cprivate%3Eb%3C/private%3E c", f"a {PLACEHOLDER} c"),
        ("a \uff1cprivate\uff1eb\uff1c/private\uff1e c", f"a {PLACEHOLDER} c"),
        ("a <\uff50\uff52\uff49\uff56\uff41\uff54\uff45>b</private> c", f"a {PLACEHOLDER} c"),
        ("a <pri\u200bvate>b</\ufeffprivate> c", f"a {PLACEHOLDER} c"),
        ("a <\n private\n>b< / private > c", f"a {PLACEHOLDER} c"),
        (f"a <private reason='{'long ' * 300}'>b</private> c", f"a {PLACEHOLDER} c"),
        ('a <private when="x < y">b</private> c', f"a {PLACEHOLDER} c"),
        ("a <private>b&lt;/private&gt; c", f"a {PLACEHOLDER} c"),
        (
            "class A: <privateer>, a<private_key>, x <private",
            "class A: <privateer>, a<private_key>, x <private",
        ),
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
    service = open_service(settings)
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
