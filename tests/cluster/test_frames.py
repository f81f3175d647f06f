"""Frames: encoded and decoded without loss; invalid bytes end the connection, not the process."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_learning import errors
from mcp_learning.cluster import frames
from mcp_learning.cluster.frames import Call, Failure, Frame, ProgressUpdate, Result
from mcp_learning.errors import InvalidInput, LearningError

NUMBER = st.integers(0, 2**53)
TEXT = st.text()
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)
FRAMES = st.one_of(
    st.builds(Call, id=NUMBER, method=TEXT, arguments=st.dictionaries(TEXT, JSON, max_size=4)),
    st.builds(Result, id=NUMBER, value=JSON),
    st.builds(ProgressUpdate, id=NUMBER, share=st.floats(0, 1), message=TEXT),
    st.builds(Failure, id=NUMBER, kind=TEXT, message=TEXT),
)
EXPECTED = [
    kind
    for kind in vars(errors).values()
    if isinstance(kind, type) and issubclass(kind, LearningError)
]


@given(FRAMES)
def test_a_frame_survives_the_way(frame: Frame) -> None:
    assert frames.decode(frames.encode(frame)) == frame


@given(st.binary(max_size=60))
def test_other_bytes_are_no_frame(data: bytes) -> None:
    with pytest.raises(ValueError):
        frames.decode(data)


@pytest.mark.parametrize("kind", EXPECTED, ids=lambda kind: kind.__name__)
def test_an_error_arrives_as_what_it_was(kind: type[LearningError]) -> None:
    sent = kind("details.quality_score", "too much") if kind is InvalidInput else kind("too much")
    frame = frames.decode(frames.encode(frames.failure(7, sent)))
    assert isinstance(frame, Failure)
    arrived = frames.error_of(frame)
    assert type(arrived) is kind
    assert str(arrived) == str(sent)
    assert getattr(arrived, "field", None) == getattr(sent, "field", None)


@pytest.mark.parametrize("kind", ["Unheard", "datetime", "", "__doc__", "errors"])
def test_an_error_that_is_unknown_here_is_an_expected_one(kind: str) -> None:
    arrived = frames.error_of(Failure(id=1, kind=kind, message="what happened"))
    assert type(arrived) is LearningError
    assert str(arrived) == "what happened"
