"""Labels and folded texts are the same whatever form of Unicode a text comes in."""

import unicodedata

from hypothesis import example, given
from hypothesis import strategies as st

from mcp_learning.models.folding import as_label, composed, folded

_awkward = st.sampled_from("aé ßŒ각ガ\u0301\u0308\u200d\u200b\ufe0f\u0915\u094dİ")
_texts = st.text(_awkward | st.characters(), max_size=8)


@given(_texts)
@example("e\u0301\u200d\u0915")
def test_a_label_has_one_form(text: str) -> None:
    for form in ("NFC", "NFD"):
        assert as_label(unicodedata.normalize(form, text)) == as_label(text)
    label = as_label(text)
    assert as_label(label) == composed(label) == label.strip() == label


@given(_texts)
@example("e\u0301\u200d\u0915")
def test_a_folded_text_is_the_same_in_all_forms_and_cases(text: str) -> None:
    for form in ("NFC", "NFD"):
        assert folded(unicodedata.normalize(form, text)) == folded(text)


def test_case_and_invisible_characters_are_folded() -> None:
    assert folded("STRASSE") == folded("straße")
    assert folded("pay\u200broll") == folded("PAYROLL")
