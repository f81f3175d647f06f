"""Where a task ends and the next one begins."""

from collections.abc import Sequence

from mcp_learning.clients.transcripts.events import Prompt, SessionEvent

SHORT_PROMPT = 20
"""Characters below which a prompt ("yes, go on") belongs to the task before it."""


def begins_task(prompt: Prompt, task: Sequence[SessionEvent]) -> bool:
    """Whether a prompt begins a task, rather than going on with the one before.

    Args:
        prompt: What the user says.
        task: What happened in the task before, from its first prompt on.
    """
    del task
    return not prompt.is_answer and len(prompt.text.strip()) >= SHORT_PROMPT
