"""Results of tests in JUnit's XML, as runners write them."""

from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import pytest

from mcp_learning.clients.judging import junit
from mcp_learning.errors import InvalidInput

PASSED = '<testcase classname="tests.test_spout" name="test_it_pours" time="0.01" />'
FAILED = (
    '<testcase classname="tests.test_spout" name="test_it_drips"><failure message="no"/></testcase>'
)
BROKEN = '<testcase name="setup"><error>boom</error></testcase>'
SKIPPED = '<testcase name="later"><skipped/></testcase>'
TASK = UUID(int=1)


def suite(*cases: str) -> str:
    return (
        '<?xml version="1.0" encoding="utf-8"?><testsuites><testsuite name="pytest" '
        f'timestamp="2026-01-02T03:04:05+01:00">{"".join(cases)}</testsuite></testsuites>'
    )


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "results.xml"


def test_a_run_without_failures_speaks_for_the_work(file: Path) -> None:
    file.write_text(suite(PASSED, PASSED, SKIPPED))
    judged = junit.read(file).judgement(TASK)
    assert (judged.outcome, judged.outcome_basis, judged.confidence) == ("success", "ci", 0.9)
    assert judged.why == "2 tests passed"
    assert judged.at == datetime(2026, 1, 2, 2, 4, 5, tzinfo=UTC)


def test_failures_and_errors_speak_against_it_and_are_named(file: Path) -> None:
    file.write_text(suite(PASSED, FAILED, BROKEN))
    judged = junit.read(file).judgement(TASK)
    assert judged.outcome == "failure"
    assert judged.why == "2 of 3 tests failed: tests.test_spout.test_it_drips, setup"


@pytest.mark.parametrize("said", ["", 'timestamp="2199-01-02T03:04:05"'])
def test_a_file_without_a_time_or_with_a_later_one_ran_when_it_was_written(
    file: Path, said: str
) -> None:
    file.write_text(f"<testsuite {said}>{PASSED}</testsuite>")
    written = datetime.fromtimestamp(file.stat().st_mtime, UTC)
    assert junit.read(file).at == written


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"no xml", "not valid XML"),
        (b'<?xml version="1.0" encoding="Shift_JIS"?><testsuite/>', "not valid XML: .*encodings"),
        (b'<?xml version="1.0" encoding="klingon"?><testsuite/>', "not valid XML: .*encoding"),
        (suite(SKIPPED).encode(), "no test that ran"),
        (b"<html/>", "no test that ran"),
        (b'<!DOCTYPE x [<!ENTITY a "b">]><testsuite/>', "document type"),
        ('<!DOCTYPE x [<!ENTITY a "b">]><testsuite/>'.encode("utf-16"), "document type"),
    ],
)
def test_what_is_no_result_of_tests_is_refused(file: Path, content: bytes, why: str) -> None:
    file.write_bytes(content)
    with pytest.raises(InvalidInput, match=why):
        junit.read(file)
    with pytest.raises(InvalidInput, match="can't be read"):
        junit.read(file.with_name("nothing.xml"))
