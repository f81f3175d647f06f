"""Texts of a record that are cut don't end or begin with a part of a secret."""

from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from clients.transcripts.sessions import START, assistant, result, text, tool, user, write

from mcp_learning.clients.capture.tasks import LONGEST_DESCRIPTION, executions
from mcp_learning.clients.judging.judgements import judgement
from mcp_learning.clients.transcripts import claude_code
from mcp_learning.clients.transfer.imported import Notes
from mcp_learning.models.verdicts import LONGEST_REASON, Verdict
from mcp_learning.redaction.executions import redact_execution

TOKEN = "ghp_" + "16C7e42F292c6912E7710c838347Ae178B4a"
PARTS = [TOKEN[at : at + 8] for at in range(4, len(TOKEN) - 8)]
KEY_LINE = "MIIJQgIBADANBgkqhkiG9w0BAQE"
KEY = "\n".join(["-----BEGIN PRIVATE KEY-----", *[KEY_LINE] * 100, "-----END PRIVATE KEY-----"])

ASKED = user(0, "Fetch the list of teapots from the server")
DONE = assistant(9, text("All teapots of the server are in the list now."))


def ran(seconds: float, command: str, output: str, *, failed: bool = False) -> list[dict[str, Any]]:
    return [
        assistant(seconds, tool("Bash", command=command)),
        user(seconds + 0.5, result(output, failed=failed)),
    ]


def failed(output: str) -> list[dict[str, Any]]:
    return ran(1, "fetch teapots", f"Exit code 1\n{output}", failed=True)


@pytest.mark.parametrize(
    "lines",
    [
        [user(0, "word " * ((LONGEST_DESCRIPTION - 20) // 5) + TOKEN), DONE],
        [ASKED, *failed(f"as {TOKEN} {'drip ' * 397}")],
        [ASKED, *failed(f"as {TOKEN}{'/teapot' * 283}")],
        [ASKED, *failed(f"TOKEN={TOKEN}\n" + "no tea\n" * 284)],
        [ASKED, *failed(f"{KEY}\nno tea")],
        [ASKED, *failed(f"as {TOKEN} {'drip ' * 57}"), *ran(2, "fetch tea", "done"), DONE],
        [
            ASKED,
            *ran(1, f"fetch {'teapots ' * 34}{TOKEN}", "Exit code 1\nno tea", failed=True),
            *ran(2, f"fetch {'teacups ' * 34}{TOKEN}", "done"),
            DONE,
        ],
        [ASKED, DONE, user(10, f"that is wrong, it doesn't work, use this token for it: {TOKEN}")],
        [
            ASKED,
            assistant(1, text("Which of the lists do you mean?")),
            user(2, f"that of {'teapots ' * 246}{TOKEN} as usual"),
            DONE,
        ],
    ],
    ids=[
        "a long prompt",
        "the end of an output, between words",
        "the end of an output without words",
        "the end of an output, between lines",
        "the end of an output with a key",
        "the output of a command that then worked",
        "long commands",
        "a quoted complaint",
        "a long follow-up",
    ],
)
def test_a_secret_at_a_cut_is_not_left_in_part(tmp_path: Path, lines: list[dict[str, Any]]) -> None:
    (record,) = executions(claude_code.read, write(tmp_path / "session.jsonl", *lines), Notes())
    stored = str(redact_execution(record.execution)[0])
    assert not any(part in stored for part in [*PARTS, KEY_LINE])


def test_a_secret_at_the_end_of_a_long_reason_is_not_left_in_part() -> None:
    why = f"{'wrong ' * (LONGEST_REASON // 6 - 2)}{TOKEN}"
    made = judgement(uuid4(), "later", Verdict("failure", "user", 0.6, why), START)
    assert made.why.startswith("wrong")
    assert not any(part in made.why for part in PARTS)
