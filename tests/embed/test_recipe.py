"""What of a description is embedded: all of it, in passages that the model reads whole."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer

import mcp_learning.embed
from mcp_learning.embed.recipe import MOST_PASSAGES, ONE_PASSAGE, passages

PROSE = "The session expires before the page is left. Then the form is lost, and nobody sees why! "
DENSE = "0x7f3a9c+[!=] {k:1,v:22}; "
CHINESE = (
    "\u4f1a\u8bdd\u8fc7\u671f\u540e\u767b\u5f55\u9875\u9762\u5faa\u73af\u91cd\u5b9a\u5411\u3002"
)
WITHOUT_ENDS = "supercalifragilistic" * 9 + " "


def squeezed(text: str) -> str:
    return re.sub(r"\s", "", text)


@given(st.text(st.sampled_from("ab.!? \n\u3002\u4f1a0{"), max_size=2 * ONE_PASSAGE))
def test_passages_are_the_whole_text_in_its_order(text: str) -> None:
    found = passages(text)
    assert squeezed("".join(found)) == squeezed(text)
    assert len(found) <= MOST_PASSAGES
    assert all("\n" not in passage and passage for passage in found[1:])


@pytest.mark.parametrize("text", ["mend it", PROSE, PROSE * 10, "x\n" * 400])
def test_a_short_text_is_one_passage_as_it_is(text: str) -> None:
    assert passages(text) == (text,)


@pytest.mark.parametrize("sample", [PROSE, DENSE, CHINESE, WITHOUT_ENDS])
@pytest.mark.parametrize("length", [2_000, 20_000])
def test_the_model_reads_a_passage_whole(sample: str, length: int) -> None:
    file = Path(mcp_learning.embed.__file__).parent / "minilm" / "tokenizer.json"
    tokenizer = Tokenizer.from_file(str(file))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    text = (sample * (length // len(sample) + 1))[:length]
    for passage in passages(text):
        assert len(tokenizer.encode(passage).ids) <= 256


def test_prose_of_any_length_is_covered() -> None:
    text = (PROSE * 300)[:20_000]
    assert squeezed("".join(passages(text))) == squeezed(text)


def test_passages_begin_where_sentences_or_lines_do() -> None:
    lines = "\n".join(f"user: line {number} of a talk without an end" for number in range(60))
    assert all(passage.startswith("user: ") for passage in passages(lines))
    assert all(passage.startswith(("The ", "Then ")) for passage in passages(PROSE * 40))
