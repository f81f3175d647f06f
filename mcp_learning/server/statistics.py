"""The text of statistics for the language model, within a budget."""

from pydantic import BaseModel

from mcp_learning.models.quoting import quoted
from mcp_learning.models.requests import LearningStats
from mcp_learning.models.results import Change, FailurePattern, Group, Stats, Totals, Trend
from mcp_learning.models.team import TeamHealth
from mcp_learning.models.wording import counted
from mcp_learning.server.answers import shortened, span, structured, tokens, usd

_LEADING, _PATTERNS = 5, 3
"""Most groups, and most failure patterns, in the text of learning_stats."""
_WIDE = 0.05
"""Intervals of differences that are at least this wide are shown in whole percentage points."""
_VERDICT = {"better": "better", "worse": "worse", "unclear": "which may be chance"}
_BASIS = {"same task": "fix", "similar task": "worked on a similar task", None: ""}
_LONGEST = {"pattern": 200, "fix": 240}
_EXAMPLES = 3
"""Most ids of failures per pattern."""


def stats(result: Stats, request: LearningStats) -> tuple[Stats, str]:
    """Shortens texts, then drops failures and groups from the end until all fits."""
    failures = [_trim(pattern) for pattern in result.failures]
    groups = list(result.groups)
    nothing = _with(result, [], [])
    room = request.max_tokens - tokens(structured(nothing), _text(nothing, result))
    of_groups = [
        _size(group, _group(result, group) if number < _LEADING else "")
        for number, group in enumerate(groups)
    ]
    of_failures = [
        _size(one, _failure(one) if number < _PATTERNS else "")
        for number, one in enumerate(failures)
    ]
    while sum(of_groups) + sum(of_failures) > room and (of_groups or of_failures):
        larger = max(of_groups, of_failures, key=sum)
        larger.pop()
    kept = _with(result, groups[: len(of_groups)], failures[: len(of_failures)])
    return kept, _text(kept, result)


def _size(part: BaseModel, line: str) -> int:
    """Tokens of an entry in both forms, including separators."""
    return tokens(structured(part), line) + 2


def _trim(pattern: FailurePattern) -> FailurePattern:
    examples = {"task_ids": pattern.task_ids[:_EXAMPLES]}
    return shortened(pattern, _LONGEST).model_copy(update=examples)


def _with(result: Stats, groups: list[Group], failures: list[FailurePattern]) -> Stats:
    """The answer with these groups and failures; dropped ones are added to the counts of others."""
    omitted = len(result.groups) - len(groups)
    others = sum(one.failures for one in result.failures[len(failures) :])
    return result.model_copy(
        update={
            "groups": groups,
            "groups_omitted": result.groups_omitted + omitted,
            "failures": failures,
            "other_failures": result.other_failures + others,
            "truncated": omitted > 0 or len(failures) < len(result.failures),
        }
    )


def _text(result: Stats, whole: Stats) -> str:
    """Totals, leading groups, changes, failures, and problems."""
    period, totals = counted(result.days, "day"), result.totals
    lines = [f"{counted(totals.executions, 'execution')} in {period}{rate(totals)}."]
    lines += spent(result.totals)
    if totals.executions or result.trend.previous.executions:
        lines += [f"Against the {period} before: {trend(result.trend)}."]
    elif result.health.rows:
        lines += [
            "There are executions outside of this selection: give more days, or fewer filters."
        ]
    lines += [_group(result, group) for group in result.groups[:_LEADING]]
    if hidden := len(result.groups[_LEADING:]) + result.groups_omitted:
        lines.append(f"- and {hidden:,} more.")
    lines += changed(whole)
    lines += failing(result)
    lines += taught(result)
    health = result.health
    lines.append(
        f"HNSW index: {health.index.state}; {health.embedded:,} of "
        f"{counted(health.rows, 'execution')} embedded; search: {health.search_mode}."
    )
    if health.leader is not None:
        others = counted(len(health.followers), "other process") if health.followers else ""
        serving = f", serving {others}" if others else ""
        since = f"{health.leader.since:%Y-%m-%d %H:%M} UTC"
        lines.append(
            f"Process {health.leader.pid} has had the database open since {since}{serving}."
        )
    if health.team is not None:
        lines.append(of_team(health.team))
    if health.reembed_due:
        lines.append("A re-embed is due: rebuild_index with reembed=true.")
    if health.problem:
        lines.append(f"Problem: {health.problem}")
    if result.truncated:
        lines.append("Some was left out to stay within max_tokens.")
    return "\n".join(lines)


def of_team(team: TeamHealth) -> str:
    """A line on the exchange with the team."""
    line = f"Team {quoted(team.team, 63)}: {team.waits}"
    if team.problem:
        line += f"; {team.last_known}"
    elif team.behind is not None:
        line += f"; {team.behind} of the team's are still to come"
    if team.portion:
        line += f"; {team.portion}"
    return f"{line}; {team.problem}." if team.problem else f"{line}."


def rate(totals: Totals) -> str:
    """The success rate with its interval, after a comma; empty if nothing has ended."""
    if totals.success_rate is None:
        return ""
    low, high = totals.interval_low or 0.0, totals.interval_high or 0.0
    by = ""
    if totals.effective_n is not None:
        digits = ",.0f" if totals.effective_n >= 1_000 else "g"
        by = f"; by confidence worth {totals.effective_n:{digits}} outcomes"
    ended = f" of {totals.success + totals.failure:,}" if totals.pending else ""
    interval = f"90 % interval {low:.0%} to {high:.0%}"
    return f", {totals.success_rate:.0%}{ended} succeeded ({interval}{by})"


def _group(result: Stats, group: Group) -> str:
    key = quoted(group.key, 60)
    executions = counted(group.executions, "execution")
    return f"- {result.group_by} {key}: {executions}{_outcome(result, group)}"


def _outcome(result: Stats, group: Totals) -> str:
    ended = result.totals.success + result.totals.failure
    if result.group_by == "error_type" and ended:
        return f", {(group.success + group.failure) / ended:.1%} of what ended"
    return rate(group)


def spent(totals: Totals) -> list[str]:
    """Lines on durations, costs and the accuracy of cost estimates."""
    lines = []
    if totals.duration_p50 is not None and totals.duration_p95 is not None:
        median, p95 = span(totals.duration_p50), span(totals.duration_p95)
        lines.append(f"Duration: median {median}, p95 {p95}.")
    if totals.cost_usd is not None:
        lines.append(f"Cost: {usd(totals.cost_usd)} USD.")
    if totals.cost_error is not None and totals.cost_bias is not None:
        lines.append(
            f"Half of {totals.cost_predictions} cost estimates were within a factor of "
            f"{1 + totals.cost_error:.2f}; the typical cost was {1 + totals.cost_bias:.2f} times "
            "its estimate."
        )
    return lines


def trend(result: Trend) -> str:
    """A comparison with the period before, and its certainty."""
    if result.success_rate_change is None:
        return "nothing to compare with"
    points = _points(result.success_rate_change, result.change_low, result.change_high)
    return f"success rate {points}, {_VERDICT[result.direction]}"


def changed(result: Stats) -> list[str]:
    """A line for each group that changed significantly, worse ones first."""
    lines = []
    for direction in ("worse", "better"):
        for group in result.groups:
            if group.trend is not None and group.trend.direction == direction:
                key = f"{result.group_by} {quoted(group.key, 60)}"
                lines.append(f"Getting {direction}: {key}, {difference(group.trend)}.")
    more = len(lines) - _LEADING
    return [*lines[:_LEADING], *([f"{counted(more, 'more group')} changed."] if more > 0 else [])]


def difference(change: Change) -> str:
    """A change in percentage points with its interval, and the rate that it is compared with."""
    points = _points(change.change, change.change_low, change.change_high)
    return f"{points} from {change.before:.0%} of {change.before_executions:,}"


def failing(result: Stats) -> list[str]:
    """A line for each of the commonest failure patterns, with its fix."""
    lines = [_failure(one) for one in result.failures[:_PATTERNS]]
    more = sum(one.failures for one in result.failures[_PATTERNS:]) + result.other_failures
    return [*lines, *([f"{counted(more, 'further failure')} of other kinds."] if more else [])]


def _failure(one: FailurePattern) -> str:
    fix = "no fix known"
    if one.fix:
        fix = f"{_BASIS[one.fix_basis]}: {quoted(one.fix, 120)}"
    return (
        f"Failed {counted(one.failures, 'time')}, last {one.last_seen:%Y-%m-%d}: "
        f"{quoted(one.pattern, 90)}; {fix} [{one.fix_task_id or one.task_ids[0]}]"
    )


def _points(change: float, low: float | None, high: float | None) -> str:
    low, high = low or 0.0, high or 0.0
    digits = 0 if high - low >= _WIDE else 1
    shown = [f"{round(100 * value, digits) + 0.0:+.{digits}f}" for value in (change, low, high)]
    return f"{shown[0]} points (90 % interval {shown[1]} to {shown[2]})"


def taught(result: Stats) -> list[str]:
    """A line on the number of lessons, if there are any."""
    numbers = dict(result.lessons) if result.lessons is not None else {}
    told = ", ".join(f"{number:,} {name}" for name, number in numbers.items() if number)
    return [f"Lessons: {told}."] if told else []
