"""Text → terms: what is found by what, for words, identifiers, paths and any other text."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_learning.search.lexical.terms import TokenisedQuery, count_terms, is_stop_word, spellings


def terms(text: str) -> set[int]:
    return set(count_terms(text))


def term(text: str) -> int:
    """The term of a text that has only one."""
    (one,) = count_terms(text)
    return one


@pytest.mark.parametrize(
    "spelt", ["parse_config", "parseConfig", "parse-config", "ParseConfig", "PARSE_CONFIG"]
)
def test_an_identifier_gives_its_parts_and_one_term_for_all_its_spellings(spelt: str) -> None:
    assert terms("parse config") < terms(spelt)
    assert len(terms(spelt) - terms("parse config")) == 1
    assert terms(spelt) == terms("parseConfig")


@pytest.mark.parametrize("spelt", ["parse_config", "parseConfig", "Parse-Config", "PARSE_CONFIG"])
def test_the_whole_of_an_identifier_is_one_and_its_parts_are_words(spelt: str) -> None:
    asked = TokenisedQuery.of(spelt)
    assert asked.identifiers == terms(spelt) - terms("parse config")


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("TypeError", ["type", "error"]),
        ("HTTPServerError", ["http", "server", "error"]),
        ("getHTTPResponse", ["get", "http", "response"]),
        ("ERR_1042", ["err", "1042"]),
        ("utf8", ["utf", "8"]),
        ("__init__", ["init"]),
        ("std::vector", ["std", "vector"]),
        ("os.path.join", ["os", "path", "join"]),
        ("user@example.com", ["user", "example", "com"]),
        ("C:\\Windows\\system.ini", ["c", "windows", "system", "ini"]),
        ("#1234", ["1234"]),
    ],
)
def test_what_has_parts_is_found_by_each_of_them(text: str, parts: list[str]) -> None:
    found = terms(text)
    for part in parts:
        assert terms(part) <= found


def test_a_path_is_found_whole_by_its_file_and_by_each_part() -> None:
    path = terms("src/auth/login.py")
    assert terms("login.py") < path
    assert {term(part) for part in ("src", "auth", "login", "py")} < path
    assert len(path) == 6  # these four, the file and the path
    only_whole = path - terms("src auth login.py")
    assert len(only_whole) == 1
    assert not only_whole & terms("lib/auth/login.py")


@pytest.mark.parametrize("text", ["parse_config", "TypeError", "ERR_1042", "login.py", "1042"])
def test_what_no_plain_word_is_spelt_like_is_an_identifier(text: str) -> None:
    assert TokenisedQuery.of(text).identifiers


@pytest.mark.parametrize(
    "text",
    [
        *(
            "config",
            "Config",
            "CONFIG",
            "error",
            "登录",
            "ошибка",
            "größe",
            "naïve",
            "Café",
            "Müller",
        ),
        *("sign-in", "Re-run", "out-of-date"),
    ],
)
def test_a_plain_word_is_no_identifier_in_any_language(text: str) -> None:
    assert not TokenisedQuery.of(text).identifiers


def test_a_term_that_begins_with_a_digit_is_numeric_and_a_code_is_not() -> None:
    assert TokenisedQuery.of("1042").numeric == {term("1042")}
    assert TokenisedQuery.of("ERR_1042").numeric == {term("1042")}
    assert not TokenisedQuery.of("parse_config").numeric


@pytest.mark.parametrize(
    ("one", "other"),
    [("retries", "retry"), ("failing", "failed"), ("Tests", "TEST")],
)
def test_forms_of_a_word_share_their_stem(one: str, other: str) -> None:
    assert term(one) == term(other)


@pytest.mark.parametrize(
    ("text", "searched", "missing"),
    [
        ("修复登录页面的重定向", "登录页面", "退出"),
        ("ログインページのリダイレクトを修正", "ログイン", "出荷"),
        ("แก้ไขหน้าเข้าสู่ระบบ", "เข้าสู่", "ภาษา"),
    ],
)
def test_scripts_without_blanks_are_found_by_any_piece_of_two_characters(
    text: str, searched: str, missing: str
) -> None:
    assert terms(searched) <= terms(text)
    assert not terms(missing) <= terms(text)


def test_unspaced_and_latin_scripts_mix() -> None:
    assert terms("修复 parseConfig 的超时") >= terms("parseConfig") | terms("超时")
    assert terms("修复parseConfig的超时") >= terms("parse config") | terms("超时")


def test_terms_are_counted_over_all_texts_and_absent_texts_are_passed_over() -> None:
    counted = count_terms("retry the retry", None, "", "Retries")
    assert counted[term("retry")] == 3
    assert counted.total() == 4


@pytest.mark.parametrize(
    "text",
    [
        'retry "timeout"',
        "retry AND timeout",
        "retry* OR timeout~2^3",
        "(retry) -timeout",
        "retry; DROP TABLE executions; -- timeout",
        "NEAR(retry timeout)",
        "\0retry\0\ttimeout\n",
        "…retry — “timeout”!?",
        "title:retry &#116; %timeout%",
    ],
)
def test_quotes_operators_and_punctuation_are_harmless(text: str) -> None:
    assert terms("retry timeout") <= terms(text)


@pytest.mark.parametrize("text", ["", " ", "?!", "---", "__", "\0", "🦆🦆", "\ud800", "..."])
def test_a_text_without_words_has_no_terms(text: str) -> None:
    assert count_terms(text) == Counter()


@given(st.text(max_size=300) | st.text("aZ0_./-:\\@# é字", max_size=60))
def test_any_text_gives_the_same_countable_terms_each_time(text: str) -> None:
    counted = count_terms(text)
    assert counted == count_terms(text)
    assert all(0 <= one < 2**63 for one in counted)
    assert all(often > 0 for often in counted.values())
    assert count_terms(text, text) == counted + counted


@given(st.lists(st.text(max_size=40), max_size=6))
def test_texts_together_have_the_terms_of_each(texts: list[str]) -> None:
    summed: Counter[int] = Counter()
    for text in texts:
        summed += count_terms(text)
    assert count_terms(*texts) == summed
    assert count_terms(" ".join(texts)) == summed


@pytest.mark.parametrize(
    "text",
    ["retry " * 3_333, "x" * 20_000, "a_" * 10_000, "aB" * 10_000, "字" * 20_000, "1/" * 10_000],
    ids=["words", "one word", "snake", "camel", "unspaced", "path"],
)
def test_twenty_thousand_characters_are_no_more_terms_than_that(text: str) -> None:
    counted = count_terms(text)
    assert 0 < len(counted) <= 1_000
    assert counted.total() <= 20_000


@pytest.mark.parametrize(
    ("filling", "end"),
    [("retry. ", "the parser deadlocks"), ("修复登录。", "登录页面"), ("修复登录失败", "页面")],
    ids=["words", "unspaced", "unspaced without punctuation"],
)
def test_the_end_of_twenty_thousand_characters_is_found_too(filling: str, end: str) -> None:
    text = filling * ((20_000 - len(end)) // len(filling)) + end
    assert terms(end) <= terms(text)


def test_the_grammar_s_words_are_common_and_no_others() -> None:
    assert all(map(is_stop_word, terms("the of and not after before would")))
    assert not any(map(is_stop_word, terms("retry timeout login parse_config")))


@pytest.mark.parametrize(
    ("typed", "written"),
    [("typeerror", "TypeError"), ("parseconfigs", "parse_configs"), ("signin", "sign-in")],
)
def test_an_identifier_typed_as_a_plain_word_shares_a_term_with_it(
    typed: str, written: str
) -> None:
    assert terms(typed) & terms(written)
    assert not TokenisedQuery.of(typed).identifiers


def test_a_term_that_is_spelt_as_an_identifier_once_is_one() -> None:
    assert TokenisedQuery.of("a typeerror is a TypeError").identifiers == {term("typeerror")}


@given(st.text(max_size=80))
def test_a_question_has_the_terms_of_its_text(text: str) -> None:
    asked = TokenisedQuery.of(text)
    assert asked.counts == count_terms(text)
    assert asked.identifiers <= set(asked.counts)
    assert asked.numeric <= asked.identifiers


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("réessai", "re\u0301essai"),
        ("Größe", "Gro\u0308ße"),
        ("ｔｉｍｅｏｕｔ", "timeout"),  # noqa: RUF001
        ("ﬁle", "file"),
        ("ｶﾞｲﾄﾞ", "ガイド"),
        ("각", "\u1100\u1161\u11a8"),
    ],
)
def test_a_word_is_one_however_its_letters_are_composed_or_wide(one: str, other: str) -> None:
    assert count_terms(one) == count_terms(other)
    assert len(count_terms(one)) >= 1


@given(st.text())
def test_how_a_term_is_spelt_has_that_term(text: str) -> None:
    wanted = terms(text)
    for term_of_it, spelt in spellings(text, wanted).items():
        assert term_of_it in terms(spelt) & wanted


def test_terms_are_spelt_as_in_the_text_but_pairs_of_characters_are_no_words() -> None:
    text = "parseConfig of src/auth/login.py 数据库"
    assert set(spellings(text, terms(text)).values()) == {
        *("parseConfig", "parse", "Config", "of"),
        *("src/auth/login.py", "login.py", "src", "auth", "login", "py"),
    }
    assert spellings(text, {term("auth")}) == {term("auth"): "auth"}
