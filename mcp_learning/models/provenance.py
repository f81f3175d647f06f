"""The provenance of an execution's fields: told by an agent or a person, or observed by a source.

Commits and transcripts of agents' sessions, which imports and hooks read, are observations: they
don't state how a task ended or what solved it, so those fields are inferred. Everything else is
told: what comes from a tool, another learning database or a table. An observed value never replaces
a told one.

The metadata of an observed execution has its `source` and, under `told`, the names of the fields
that were told since. An execution without a source was told as a whole.
"""

from collections.abc import Mapping
from typing import Any

from mcp_learning.models.requests import RecordExecution
from mcp_learning.models.results import Execution
from mcp_learning.models.verdicts import Source, Verdict, concluded, noted, with_noted, with_verdict
from mcp_learning.models.verdicts import observer as _observer

_TRACE = "traceparent"
_TOLD_CONFIDENCE = "told_confidence"
_VERDICT = ("outcome_basis", "outcome_confidence")
_NOT_SAID = {"task_id", "recorded_at", "updated_at", *_VERDICT}
_INFERRED = frozenset({"solution_summary", "error_type", "error_message"})
_FIELDS = frozenset(Execution.model_fields) - _NOT_SAID


def told_fields(values: Mapping[str, Any]) -> set[str]:
    """Names of the fields of an execution that were told, or cleared if it was observed.

    A pending outcome doesn't count.
    """
    known = _known(values)
    is_told = with_verdict(values)["outcome_basis"] == "told"
    if not _observer(values):
        return known if is_told else known - {"outcome"}
    if isinstance(names := values["metadata"].get("told"), list):
        return {name for name in _known_or_cleared(values) if name in names}
    # Recorded before these names were stored: an observed session decides no outcome but a crash.
    return known - {"metadata"} if is_told else set()


def with_told_fields(stored: Execution | None, given: Mapping[str, Any]) -> dict[str, Any]:
    """The told fields of an execution, with their names in the metadata if it was observed.

    A told outcome has the basis told and confidence 1, unless the caller gives others. Telling the
    same outcome again keeps basis and confidence. Telling another outcome drops earlier verdicts of
    other sources, which its teller is assumed to know. A field given as None is cleared.
    """
    before = {} if stored is None else dict(stored)
    outcome, given = given.get("outcome"), dict(given)
    is_repeated = outcome == before.get("outcome") and before.get("outcome_basis") == "told"
    is_new = outcome is not None and not is_repeated
    if is_new:
        given = with_verdict({"outcome_basis": "told", **given})
    names = _known(given) | {name for name, value in given.items() if value is None}
    metadata = given.get("metadata") or before.get("metadata") or {}
    if verdicts := noted(before.get("metadata")):
        metadata = given["metadata"] = with_noted(metadata, {} if is_new else verdicts) or {}
    observer = _observer(before) or _observer(given)
    if not observer:
        return given
    names = (told_fields(before) | names) & _known_or_cleared({**before, **given})
    return {**given, "metadata": {**metadata, "source": observer, "told": sorted(names)}}


def with_files(
    stored: Execution | None, given: dict[str, Any], request: RecordExecution
) -> dict[str, Any]:
    """The told fields; the files stay if only other metadata was told, and the other way round."""
    before = (stored and stored.metadata) or {}
    told = request.details
    if told.files and told.metadata is None:
        kept = before
    elif told.files is None and told.metadata is not None and "files" in before:
        kept = {"files": before["files"]}
    else:
        return given
    return {**given, "metadata": {**kept, **given["metadata"]}}


def with_trace(
    stored: Execution | None, given: dict[str, Any], request: RecordExecution
) -> dict[str, Any]:
    """The told fields, with the trace context of the call that first recorded the execution."""
    before = (stored and stored.metadata) or {}
    trace = before.get(_TRACE, request.traceparent)
    if trace is None or ("metadata" not in given and _TRACE in before):
        return given
    return {**given, "metadata": {_TRACE: trace, **given.get("metadata", before)}}


def merge_source(stored: Execution, given: Mapping[str, Any]) -> Execution:
    """A stored execution updated with the later fields of a source; told fields stay."""
    before = dict(stored)
    observer = _observer(given)
    ours, theirs = told_fields(before), told_fields(given)
    kept = ours - theirs
    own: Source = "git" if observer == "git" else "session"
    if given.get("outcome") == "pending" and not (observer and _is_observed(before, own)):
        kept.add("outcome")  # a pending outcome only replaces an earlier one of the same source
    if "outcome" in kept:
        kept |= set(_VERDICT)
    else:
        given = with_verdict(given)
    new = {**before, **{name: value for name, value in given.items() if name not in kept}}
    if observer:  # an inferred field that is absent now no longer follows from what was read
        inferred = _INFERRED | ({"approach"} if observer == "git" else set())
        new |= {name: given.get(name) for name in inferred - ours - theirs}
    verdicts = noted(before["metadata"]) | noted(given.get("metadata"))
    if observer and own not in noted(given.get("metadata")):
        verdicts.pop(own, None)  # from an earlier, shorter state of the same source
    observer = observer or _observer(before)
    metadata = new["metadata"] or {}
    if observer and metadata.get("source", observer) == observer:
        names = {"told": sorted(ours | theirs)} if ours | theirs else {}
        new["metadata"] = {**metadata, "source": observer, **names}
    by = before if "outcome" in kept else given
    new = _concluded(new, verdicts, _told_confidence(by) if "outcome" in ours | theirs else None)
    if new["outcome"] != "failure" and "error_type" not in ours | theirs:
        new["error_type"] = None  # from a crash after which the session went on
    return stored.model_copy(update=new)


def apply_verdict(stored: Execution, source: Source, verdict: Verdict) -> Execution:
    """A stored execution with a source's verdict on its outcome; pending withdraws the verdict.

    Of two test results, or two later sessions, the later one counts, in whatever order they are
    read. A git verdict always replaces the one before: it judges the whole history.
    """
    values, before = dict(stored), noted(stored.metadata)
    if source != "git" and source in before and before[source].at > verdict.at:
        return stored
    verdicts = {**before, source: verdict}
    if "outcome" in told_fields(values):
        return stored.model_copy(update=_concluded(values, verdicts, _told_confidence(values)))
    if all(one.outcome == "pending" for one in verdicts.values()):
        values["outcome"] = "pending"
    return stored.model_copy(update=_concluded(values, verdicts, None))


def _concluded(
    values: Mapping[str, Any], verdicts: Mapping[Source, Verdict], told: float | None
) -> dict[str, Any]:
    """The fields with these verdicts in the metadata, and the outcome that follows from them."""
    metadata = with_noted(values["metadata"], verdicts)
    if metadata and "verdicts" in metadata and told is not None and told < 1:
        metadata = {**metadata, _TOLD_CONFIDENCE: told}
    return concluded({**values, "metadata": metadata}, told)


def _told_confidence(values: Mapping[str, Any]) -> float:
    """The confidence with which an outcome was told, before verdicts contradicted it."""
    metadata = values.get("metadata") or {}
    if noted(metadata):
        before = metadata.get(_TOLD_CONFIDENCE, 1.0)
        return before if isinstance(before, float) and 0 <= before <= 1 else 1.0
    return float(with_verdict(values)["outcome_confidence"])


def _is_observed(values: Mapping[str, Any], source: Source) -> bool:
    """Whether the outcome of an execution may come from this source."""
    metadata = values["metadata"] or {}
    return source in noted(metadata) or (bool(_observer(values)) and "told" not in metadata)


def _known_or_cleared(values: Mapping[str, Any]) -> set[str]:
    return _known(values) | {name for name in _FIELDS if values.get(name) is None}


def _known(values: Mapping[str, Any]) -> set[str]:
    return {
        name
        for name, value in values.items()
        if name in _FIELDS and value is not None and (name, value) != ("outcome", "pending")
    }
