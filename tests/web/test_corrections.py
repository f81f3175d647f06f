"""Corrections on the page: who may make them, and that agents see them at once."""

import json
from typing import Any

import pytest
from playwright.sync_api import expect
from process.wire import Server
from web.conftest import WAIT, Open
from web.served import Dashboard

expect.set_options(timeout=WAIT)

TASK = {
    "task_type": "bug_fix",
    "task_description": "Fix the login redirect loop",
    "outcome": "failure",
    "repo": "acme/shop",
    "approach": "guess",
}
UNKNOWN = "01a205cd-bc2b-7552-b855-cb78666bdacf"


@pytest.fixture
def task_id(agent: Server) -> str:
    return str(agent.content("record_execution", **TASK)["task_id"])


def sent(
    dashboard: Dashboard, method: str, task_id: str, body: object, **given: Any
) -> tuple[int, str]:
    asked = {"token": dashboard.token, "Origin": dashboard.address, **given}
    path = f"/api/executions/{task_id}"
    status, _, text = dashboard.get(path, method=method, body=json.dumps(body), **asked)
    return status, text


def stored(agent: Server, task_id: str) -> Any:
    return agent.content("get_execution", task_id=task_id)["execution"]


def test_an_agent_sees_what_was_corrected(
    agent: Server, dashboard: Dashboard, task_id: str
) -> None:
    secret = "ghp_" + "a1B2" * 9
    change = {"outcome": "success", "clear": ["approach"], "error_type": f"had {secret}"}
    assert sent(dashboard, "PATCH", task_id, change)[0] == 200
    found = stored(agent, task_id)
    assert (found["outcome"], found["task_description"]) == ("success", TASK["task_description"])
    assert "approach" not in found
    assert secret not in found["error_type"]


def test_what_was_deleted_is_gone_for_agents(
    agent: Server, dashboard: Dashboard, task_id: str
) -> None:
    status, text = sent(dashboard, "DELETE", task_id, {})
    assert (status, "confirmed" in text) == (400, True)
    assert stored(agent, task_id)["outcome"] == "failure"
    assert sent(dashboard, "DELETE", task_id, {"confirmed": True})[0] == 200
    assert "no execution" in agent.call("get_execution", task_id=task_id)["content"][0]["text"]
    assert sent(dashboard, "DELETE", task_id, {"confirmed": True})[0] == 404


@pytest.mark.parametrize("method", ["PATCH", "DELETE"])
def test_only_the_page_itself_may_correct(
    method: str, agent: Server, dashboard: Dashboard, task_id: str
) -> None:
    body = {"outcome": "success"} if method == "PATCH" else {"confirmed": True}
    path = f"/api/executions/{task_id}"
    without = dashboard.get(path, method=method, token=dashboard.token, body=json.dumps(body))
    assert without[0] == 403
    for origin in ("https://evil.example", "null", f"http://127.0.0.1:{dashboard.port + 1}"):
        assert sent(dashboard, method, task_id, body, Origin=origin)[0] == 403
    for token in (None, "wrong"):
        assert sent(dashboard, method, task_id, body, token=token)[0] == 401
    assert stored(agent, task_id)["outcome"] == "failure"


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({}, "at least one field"),
        ({"outcome": "perhaps"}, "outcome"),
        ({"nonsense": 1}, "nonsense"),
        ({"task_type": "x" * 65}, "task_type"),
        ({"clear": ["task_description"]}, "clear"),
        (["outcome"], "object"),
        ({"solution_summary": "x" * 200_000}, "bytes"),
    ],
)
def test_a_correction_that_makes_no_sense_is_refused_in_a_line(
    body: object, named: str, agent: Server, dashboard: Dashboard, task_id: str
) -> None:
    status, text = sent(dashboard, "PATCH", task_id, body)
    error = json.loads(text)["error"]
    assert (status, named in error, "\n" in error) == (400, True, False), error
    assert stored(agent, task_id)["outcome"] == "failure"


def test_an_execution_that_is_gone_can_t_be_corrected(dashboard: Dashboard) -> None:
    status, text = sent(dashboard, "PATCH", UNKNOWN, {"outcome": "success"})
    assert (status, "no execution" in text) == (404, True)


def test_what_was_used_is_named_by_its_task(
    agent: Server, dashboard: Dashboard, task_id: str, open_page: Open
) -> None:
    later = {**TASK, "task_description": "Mend the sign-in page", "used_task_ids": [task_id]}
    used_by = agent.content("record_execution", **later)["task_id"]
    page = open_page(dashboard, f"panel=executions&task={used_by}")
    dialog = page.locator("dialog")
    used = dialog.locator(".tasks a", has_text="Fix the login redirect loop").first
    expect(used).to_be_visible()
    expect(dialog).to_contain_text("Similar tasks")  # which come last: then nothing moves any more
    used.click()
    expect(dialog.locator(".prose").first).to_have_text("Fix the login redirect loop")
    expect(dialog.locator(".tasks a", has_text="Mend the sign-in page").first).to_be_visible()


def test_a_click_that_begins_in_an_execution_does_not_close_it(
    dashboard: Dashboard, task_id: str, open_page: Open
) -> None:
    page = open_page(dashboard, f"panel=executions&task={task_id}")
    dialog = page.locator("dialog")
    dialog.locator("#detail-title").hover()
    page.mouse.down()
    page.mouse.move(2, 2)
    page.mouse.up()
    expect(dialog).to_be_visible()
    page.mouse.click(2, 2)
    expect(dialog).to_be_hidden()


def test_a_person_corrects_and_deletes_on_the_page(
    agent: Server, dashboard: Dashboard, task_id: str, open_page: Open
) -> None:
    page = open_page(dashboard, f"panel=executions&task={task_id}")
    dialog = page.locator("dialog")
    dialog.locator("#correct").click()
    dialog.locator("#correct-next").click()
    expect(dialog).to_contain_text("Nothing is different yet")
    page.select_option("#correct-outcome", "success")
    page.fill("#correct-approach", "bisect")
    dialog.locator("#correct-next").click()
    expect(dialog).to_contain_text("Approach: guess → bisect")
    assert stored(agent, task_id)["outcome"] == "failure"
    dialog.locator("#correct-next").click()
    expect(dialog.locator("h2 .badge")).to_have_text("success")
    found = stored(agent, task_id)
    assert (found["outcome"], found["approach"]) == ("success", "bisect")
    row = page.locator("main tbody tr", has=page.locator(f"a[href*='{task_id}']"))
    expect(row.locator(".badge")).to_have_text("success")

    dialog.locator("#delete").click()
    dialog.locator("#correct-next").click()
    expect(dialog).to_contain_text("Really delete it?")
    dialog.locator("#correct-next").click()
    expect(dialog).to_be_hidden()
    expect(row).to_have_count(0)
    assert "no execution" in agent.call("get_execution", task_id=task_id)["content"][0]["text"]
