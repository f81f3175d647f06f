"""Recognises everyday instructions about the work at hand, such as "run the tests again".

All their words occur in any session, so they don't distinguish tasks, and are similar to some of
them only by chance.
"""

import re

_MOST_WORDS = 12
_WORD = re.compile(r"[a-z]+(?:'[a-z]+)?")
_NOT_WORDS = re.compile(r"[^a-z\s.,;:!?'-]")
_COMMON = """
    a about above after again all also always an and another any anything are around as at back be
    because before below better bit both but by can clear clearer cleaner could did do does doing
    done don't else enough every everything exactly few finally first for from further go going
    good great had has have here how i if in instead into is isn't it it's its just keep kind last
    later left less let let's like little looks make makes many maybe me mean means mine more most
    much my need needs new next nice nicer no not nothing now of off ok okay on once one only or
    other our out over own part perfect please previous properly really right same second see
    shall short shorter should simple simpler so some someone something soon sounds still such sure
    than thank thanks that that's the their them then there these they thing things think this
    those through to together too two under until up us use used using very wait want was way we
    well were what what's when where which while who whole why will with without work works would
    wrong yes yet you your
"""
_WORK = """
    add ahead amend apply ask build check clean cleanup close commit compare compile continue copy
    create delete deploy describe document edit execute explain find finish fix format give
    implement improve install lint list look merge move open polish proceed pull push read rebase
    refactor reformat release remove rename replace rerun reset restart resume retry return
    returns review rewrite run save show simplify split squash stage start stop summarise summarize
    tell test tidy try undo update upgrade verify write bump
    argument arguments branch branches bug bugs change changed changelog changes class classes code
    command commits comment comments dependencies description diff docs documentation docstring
    docstrings error errors example file files folder function functions issue issues line lines
    linter message method methods mistake module name names output package parameter parameters
    plan pr prs project pushed readme repo repository request requests result results script server
    status step steps suite summary task tasks tests title todo typo typos variable variables
    version warning warnings
"""
_EVERYDAY = frozenset((_COMMON + _WORK).split())


def is_everyday(text: str) -> bool:
    """Whether a question is an everyday instruction, in English.

    Args:
        text: The query. With digits, paths, identifiers or over twelve words it never counts.
    """
    asked = text.strip().lower().replace("\u2019", "'")
    if _NOT_WORDS.search(asked):
        return False
    words = _WORD.findall(asked)
    return 0 < len(words) <= _MOST_WORDS and _EVERYDAY.issuperset(words)
