"""The text of a recommendation for the language model, within a budget."""

from mcp_learning.lessons import wording
from mcp_learning.models.quoting import quoted
from mcp_learning.models.requests import RecommendApproach
from mcp_learning.models.results import Advice, Option, Pitfall, Recommendation
from mcp_learning.server.answers import shortened, span, structured, tokens, usd

_RESTS_ON = {
    "these tasks": "",
    "task type": "rate from this type of task",
    "all tasks": "rate from all tasks",
}
_LONGEST = {"what_happened": 300, "fix": 300}


def recommendation(
    result: Recommendation, request: RecommendApproach
) -> tuple[Recommendation, str]:
    """Shortens texts, then drops the least important parts until all fits.

    The order is: all pitfalls but one, all options of further tasks but one each, options, the last
    pitfall, further tasks; each from the end. A given budget is for all tasks together; otherwise
    each has the default budget.
    """
    several = 1 if "max_tokens" in request.model_fields_set else 1 + len(request.more_tasks)
    pitfalls = [shortened(one, _LONGEST) for one in result.pitfalls]
    kept = result.model_copy(update={"pitfalls": pitfalls})
    while True:
        text = _text(kept)
        fits = tokens(structured(kept), text) <= several * request.max_tokens
        less = None if fits else _with_less(kept)
        if less is None:
            return kept, text
        kept = less


def _with_less(kept: Recommendation) -> Recommendation | None:
    pitfalls, options, more = kept.pitfalls, kept.options, kept.more
    most = max((len(one.options) for one in more), default=0)
    if len(pitfalls) > 1 or (pitfalls and not options):
        pitfalls = pitfalls[:-1]
    elif most > 1:
        more = [one.model_copy(update={"options": one.options[: most - 1]}) for one in more]
    elif len(options) > 1:
        options = options[:-1]
    elif pitfalls:
        pitfalls = []
    elif more:
        more = more[:-1]
    elif options:
        options = []
    else:
        return None
    changed = {"pitfalls": pitfalls, "options": options, "more": more, "truncated": True}
    return kept.model_copy(update=changed)


def _text(result: Recommendation) -> str:
    lines = [*map(wording.line, result.lessons), *_advice(result)]
    lines += [_pitfall(pitfall) for pitfall in result.pitfalls]
    for number, further in enumerate(result.more, 2):
        lines += [f"Task {number}:", *_advice(further)]
    if result.truncated:
        lines.append("Some was left out to stay within max_tokens.")
    return "\n".join(lines)


def _advice(result: Advice) -> list[str]:
    rests_elsewhere = all(option.basis == "all tasks" for option in result.options)
    lines = [_headline(result)]
    for number, option in enumerate(result.options, 1):
        line = _option(number, option)
        on_trial = option.basis == "all tasks" and not rests_elsewhere
        lines.append(f"{line}; worth a try" if on_trial else line)
    if result.draw is not None:
        chosen = f"{quoted(result.draw.label, 80)} was drawn to be tried"
        lines.append(f"{chosen}; record it with metadata.propensity {result.draw.propensity:g}.")
    if result.avoid:
        lines.append("Avoid " + ", ".join(quoted(label, 80) for label in result.avoid) + ".")
    return lines


def _headline(result: Advice) -> str:
    note = f"{result.basis.note}."
    if result.verdict == "insufficient_evidence":
        return f"Too little evidence: {note}"
    if result.leader == "better":
        return f"The best is clear among those that were tried: {note}"
    return f"None is clearly best: {note}"


def _option(number: int, option: Option) -> str:
    succeed, interval = (" succeed", "90 % interval ") if number == 1 else ("", "")
    spread = f"{interval}{option.interval_low:.0%} to {option.interval_high:.0%}"
    rate = f"{option.success_rate:.0%}{succeed} ({spread})"
    told = f"{option.executions} of these tasks" if option.executions else "untried here"
    took = [
        f"{span(option.expected_duration_seconds)}" if option.expected_duration_seconds else "",
        "" if option.expected_cost_usd is None else f"${usd(option.expected_cost_usd)}",
        _RESTS_ON[option.basis],
        _escalation(option) if number == 1 else "",
    ]
    details = ", ".join(part for part in (rate, told, *took) if part)
    return f"{number}. {quoted(option.label, 80)}: {details}"


def _escalation(option: Option) -> str:
    if option.escalate_to is None:
        return ""
    cost = (
        "" if option.escalated_cost_usd is None else f", ${usd(option.escalated_cost_usd)} in all"
    )
    rate = f"{option.escalated_success_rate:.0%} that one of the two succeeds{cost}"
    return f"if it fails, then {quoted(option.escalate_to, 80)} ({rate})"


def _pitfall(pitfall: Pitfall) -> str:
    tried = f" with {quoted(pitfall.option, 60)}" if pitfall.option else ""
    fix = f"; fix: {quoted(pitfall.fix, 160)}" if pitfall.fix else ""
    return f"Failed before{tried}: {quoted(pitfall.what_happened, 200)}{fix}"
