"""The page beside agents: from nothing to one execution, while it is being looked at."""

from pathlib import Path

import pytest
from playwright.sync_api import expect
from process.wire import Server
from web.conftest import WAIT, Open, Watch
from web.served import Dashboard

expect.set_options(timeout=WAIT)

NASTY = """<img src=x onerror="document.title='owned'"><script>document.title='owned'</script>"""
TASK = {
    "task_type": "<b>bug</b>",
    "task_description": f"Fix the login redirect loop {NASTY}",
    "outcome": "failure",
    "repo": "acme/<i>shop</i>",
    "approach": "{b|guess}<u>",
    "error_type": "crash",
    "error_message": f"TypeError: {NASTY}",
    "duration_seconds": 12.5,
    "cost_usd": 0.25,
}


def test_what_an_agent_records_shows_up_by_itself_and_as_text(
    agent: Server, dashboard: Dashboard, open_page: Open
) -> None:
    page = open_page(dashboard)
    expect(page.locator("main")).to_contain_text("Nothing was recorded yet")
    page.click("#tab-learned")
    page.wait_for_selector("main[data-shown=learned]")
    expect(page.locator("main")).to_contain_text("Nothing was recorded yet")
    page.click("#tab-overview")

    agent.call("record_execution", **TASK)

    expect(page.locator(".tile strong").first).to_have_text("1")
    row = page.locator("section", has_text="Latest executions").locator("tbody tr")
    expect(row).to_have_count(1)
    expect(row).to_contain_text(NASTY[:40])
    expect(row).to_contain_text("acme/<i>shop</i>")
    row.locator("a").click()
    dialog = page.locator("dialog")
    expect(dialog.locator(".prose").first).to_contain_text(NASTY)
    expect(dialog.locator("pre").first).to_contain_text(NASTY)
    assert page.locator("dialog :is(img, script, b, i, u)").count() == 0
    page.keyboard.press("Escape")
    for panel in ("executions", "learned", "health", "search"):
        page.click(f"#tab-{panel}")
        page.wait_for_selector(f"main[data-shown={panel}]")
        assert page.locator("main :is(img, script, b, i, u)").count() == 0
    page.fill("#question", "login redirect loop")
    page.keyboard.press("Enter")
    expect(page.locator(".matches li").first).to_contain_text(NASTY[:40])
    assert page.locator("main :is(img, script, i, u)").count() == 0
    assert "owned" not in page.title()


def test_the_health_panel_knows_the_agent_s_calls_and_who_leads(
    agent: Server, dashboard: Dashboard, open_page: Open
) -> None:
    agent.call("find_similar_tasks", task_description="login redirect loop")
    page = open_page(dashboard, "panel=health")
    processes = page.locator("table", has_text="role")
    expect(processes.locator("tr", has_text="leads")).to_contain_text(str(agent.process.pid))
    expect(processes.locator("tr", has_text="follows")).to_contain_text(str(dashboard.process.pid))
    calls = page.locator("table", has_text="p95").locator("tr", has_text="find_similar_tasks")
    expect(calls.locator("td").nth(1)).to_have_text("1")
    expect(page.locator("table", has_text="what")).to_contain_text("leads")
    expect(page.locator(".chart:has(canvas)")).to_have_count(2)
    expect(page.locator("section", has_text="Copies")).to_contain_text("no backup")
    agent.call("find_similar_tasks", task_description="login redirect loop")
    expect(calls.locator("td").nth(1)).to_have_text("2")


def test_a_search_on_the_page_is_no_call_of_an_agent(agent: Server, dashboard: Dashboard) -> None:
    path = "/api/look-up?task_description=login+redirect+loop"
    before = dashboard.get("/metrics", token=dashboard.token)[2]
    assert dashboard.get(path, token=dashboard.token)[0] == 200
    after = dashboard.get("/metrics", token=dashboard.token)[2]
    named = 'mcp_learning_calls_total{tool="find_similar_tasks"}'
    assert [line for line in before.splitlines() if named in line] == [
        line for line in after.splitlines() if named in line
    ]


@pytest.mark.parametrize("fragment", ["", "token=wrong"], ids=["none", "wrong"])
def test_without_the_token_the_page_shows_nothing_and_says_what_to_do(
    fragment: str, dashboard: Dashboard, open_page: Open, watches: list[Watch]
) -> None:
    page = open_page(dashboard, url=f"{dashboard.address}/?panel=overview#{fragment}")
    assert page.locator("main").get_attribute("data-shown") == "refused"
    expect(page.locator("main")).to_contain_text("mcp-learning dashboard")
    assert "login" not in page.content()
    refusals = [problem for problem in watches[0].problems if "401" in problem]
    assert refusals == watches[0].problems
    watches[0].problems.clear()

    page.fill("#token", dashboard.token)
    page.keyboard.press("Enter")
    page.wait_for_selector("main[data-shown=overview]")


def test_a_dashboard_that_follows_takes_over_when_the_agent_leaves(
    directory: Path, open_page: Open
) -> None:
    own = directory.parent / "other"
    with Server(own) as server:
        server.initialize()
        server.call("record_execution", **TASK)
        with Dashboard(own) as served:
            page = open_page(served, "panel=health")
            assert server.leave()[0] == 0
            processes = page.locator("table", has_text="role")
            expect(processes.locator("tr", has_text="leads")).to_contain_text(
                str(served.process.pid)
            )
            status, stderr = served.end()
            assert (status, stderr) == (0, "")
            page.context.close()
