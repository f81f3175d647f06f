"""Who said what of an execution: an agent or a person told it, or a source observed it.

Recorded sessions of agents are observed, by an import or a hook: they don't say how a task ended or
what solved it, so what is made of them is a guess. All else was told: what came over a tool, and
what another learning database or a table holds. Something observed never replaces what was told.

The metadata of an observed execution names its `source`, and under `told` the fields that were told
of it since. An execution without such a source was told as a whole.
"""

from collections.abc import Mapping
from typing import Any

from mcp_learning.models.requests import RecordExecution
from mcp_learning.models.results import Execution
from mcp_learning.models.verdicts import observer as _observer
from mcp_learning.models.verdicts import with_verdict

_TRACE = "traceparent"
_VERDICT = ("outcome_basis", "outcome_confidence")
_NOT_SAID = {"task_id", "recorded_at", "updated_at", *_VERDICT}
_FIELDS = frozenset(Execution.model_fields) - _NOT_SAID


def told(values: Mapping[str, Any]) -> set[str]:
    """Which fields of an execution were told. A pending outcome is none."""
    known = _known(values)
    if not _observer(values):
        return known
    metadata = values["metadata"]
    if isinstance(names := metadata.get("told"), list):
        return {name for name in known if name in names}
    # Before these names were kept. A session by itself says no more than that the agent crashed.
    return known - {"metadata"} if with_verdict(values)["outcome_basis"] == "told" else set()


def telling(stored: Execution | None, given: Mapping[str, Any]) -> dict[str, Any]:
    """The fields that are told of an execution, with their names noted if it is an observed one.

    A told outcome has the basis told and confidence 1, unless other ones are given. One that is
    told again as it was leaves them as they are.
    """
    before = {} if stored is None else dict(stored)
    outcome = given.get("outcome")
    is_repeated = outcome == before.get("outcome") and before.get("outcome_basis") == "told"
    if outcome is not None and not is_repeated:
        given = with_verdict({"outcome_basis": "told", **given})
    metadata = given.get("metadata") or before.get("metadata") or {}
    observer = _observer(before) or _observer(given)
    if not observer:
        return dict(given)
    names = (told(before) | _known(given)) & _known({**before, **given})
    return {**given, "metadata": {**metadata, "source": observer, "told": sorted(names)}}


def traced(
    stored: Execution | None, given: dict[str, Any], request: RecordExecution
) -> dict[str, Any]:
    """The fields that are told, with the trace in which the execution was first recorded."""
    before = (stored and stored.metadata) or {}
    trace = before.get(_TRACE, request.traceparent)
    if trace is None or ("metadata" not in given and _TRACE in before):
        return given
    return {**given, "metadata": {_TRACE: trace, **given.get("metadata", before)}}


def merged(stored: Execution, given: Mapping[str, Any]) -> Execution:
    """A stored execution with what a source says of it later.

    Args:
        stored: The execution.
        given: Fields that the source has a value of; an outcome may be pending.
    """
    before = dict(stored)
    observer = _observer(given)
    ours, theirs = told(before), told(given)
    kept = ours - theirs
    if given.get("outcome") == "pending" and not observer:
        kept.add("outcome")  # a table without outcomes doesn't know them
    if "outcome" in kept:
        kept |= set(_VERDICT)
    else:
        given = with_verdict(given)
    new = {**before, **{name: value for name, value in given.items() if name not in kept}}
    if new["outcome"] != "failure" and "error_type" not in ours | theirs:
        new["error_type"] = None  # of a crash after which the session went on
    observer = observer or _observer(before)
    metadata = new["metadata"] or {}
    if observer and metadata.get("source", observer) == observer:
        noted = {"told": sorted(ours | theirs)} if ours | theirs else {}
        new["metadata"] = {**metadata, "source": observer, **noted}
    return stored.model_copy(update=new)


def _known(values: Mapping[str, Any]) -> set[str]:
    return {
        name
        for name, value in values.items()
        if name in _FIELDS and value is not None and (name, value) != ("outcome", "pending")
    }
