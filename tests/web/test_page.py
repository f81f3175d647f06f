"""The page with ten thousand executions: what is shown, filtered, found and opened."""

import csv
import json
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import anyio
import pytest
from playwright.sync_api import Page, Route, expect
from web.conftest import WAIT, Open
from web.filling import fill
from web.served import Dashboard

COUNT = 10_000

expect.set_options(timeout=WAIT)


@pytest.fixture(scope="module")
def dashboard(directory: Path) -> Iterator[Dashboard]:
    with ThreadPoolExecutor(1) as pool:  # this thread has the browser's event loop
        pool.submit(anyio.run, fill, directory, COUNT).result()
    with Dashboard(directory) as served:
        yield served
        status, stderr = served.end()
        assert (status, stderr) == (0, "")


def query(page: Page) -> dict[str, list[str]]:
    return parse_qs(urlsplit(page.url).query)


def tile(page: Page, name: str) -> str:
    return page.locator(".tile", has_text=name).locator("strong").inner_text()


def test_the_overview_shows_all_executions(dashboard: Dashboard, open_page: Open) -> None:
    page = open_page(dashboard)
    assert tile(page, "Executions") == "10,000"
    assert re.fullmatch(r"\d\d %", tile(page, "Success rate"))
    expect(page.locator(".chart:has(canvas)")).to_have_count(4)
    latest = page.locator("section", has_text="Latest executions").locator("tbody tr")
    expect(latest).to_have_count(10)


def test_the_token_leaves_the_address_at_once(dashboard: Dashboard, open_page: Open) -> None:
    page = open_page(dashboard, "panel=health")
    assert dashboard.token not in page.url
    assert page.url.endswith("?panel=health")
    page.reload()
    page.wait_for_selector("main[data-shown=health]")


def test_what_waits_for_an_outcome_is_all_of_it_whatever_is_filtered(
    dashboard: Dashboard, open_page: Open
) -> None:
    page = open_page(dashboard, "panel=health&task_type=bug_fix&days=30&text=nothing")
    waits = page.locator("section", has_text="What waits").locator("a.link")
    said = waits.inner_text()
    waits.click()
    page.wait_for_selector("main[data-shown=executions]")
    total = said.removesuffix("s").removesuffix(" execution")
    expect(page.get_by_text(f"of {total} shown")).to_be_visible()


def test_filters_apply_to_everything_and_live_in_the_address(
    dashboard: Dashboard, open_page: Open
) -> None:
    page = open_page(dashboard)
    page.wait_for_selector("#filter-type option[value=bug_fix]", state="attached")
    page.select_option("#filter-type", "bug_fix")
    expect(page.locator(".tile strong").first).not_to_have_text("10,000")
    some = tile(page, "Executions")
    page.select_option("#filter-days", "30")
    expect(page.locator(".tile strong").first).not_to_have_text(some)
    assert query(page) == {"task_type": ["bug_fix"], "days": ["30"]}
    types = page.locator("section", has_text="Latest executions").locator("tbody td:nth-child(4)")
    assert set(types.all_inner_texts()) == {"bug_fix"}

    page.click("#tab-learned")
    page.wait_for_selector("main[data-shown=learned]")
    assert page.locator("h3").all_inner_texts() == ["bug_fix"]
    page.click("#tab-health")
    page.wait_for_selector("main[data-shown=health]")

    page.go_back()
    page.wait_for_selector("main[data-shown=learned]")
    page.go_back()
    page.go_back()
    expect(page.locator(".tile strong").first).to_have_text(some)
    page.click("#filter-none")
    expect(page.locator(".tile strong").first).to_have_text("10,000")
    assert query(page) == {}


def test_a_bar_of_a_group_filters_by_it(dashboard: Dashboard, open_page: Open) -> None:
    page = open_page(dashboard)
    group = page.locator("section", has_text="Success by repo")
    link = group.locator("tbody a").first
    name = link.inner_text()
    link.click()
    expect(page.locator("#filter-repo")).to_have_value(name)
    assert query(page) == {"repo": [name]}


def test_a_list_is_narrowed_sorted_and_kept_in_the_address(
    dashboard: Dashboard, open_page: Open
) -> None:
    page = open_page(dashboard, "panel=executions")
    expect(page.locator(".runs tbody tr")).to_have_count(50)
    page.click("#list-more")
    expect(page.locator(".runs tbody tr")).to_have_count(100)
    page.fill("#list-text", "LOGIN")
    page.keyboard.press("Enter")
    expect(page.locator("main .actions p").first).not_to_have_text("100 of 10,000 shown")
    expect(page.locator(".runs tbody")).to_contain_text("login")
    page.select_option("#list-outcome", "failure")
    expect(page.locator(".runs .badge:not(.failure)")).to_have_count(0)
    page.click("#sort-duration_seconds")
    heading = page.locator("th", has=page.locator("#sort-duration_seconds"))
    expect(heading).to_have_attribute("aria-sort", "descending")
    page.click("#sort-duration_seconds")
    expect(heading).to_have_attribute("aria-sort", "ascending")
    page.locator(".chooser summary").click()
    page.uncheck("#column-cost")
    expect(page.locator("#sort-cost_usd")).to_have_count(0)
    rows = page.locator(".runs tbody").inner_text()
    page.reload()
    page.wait_for_selector("main[data-shown=executions]")
    assert page.locator(".runs tbody").inner_text() == rows
    link = page.locator(".runs tbody a").first.get_attribute("href")
    assert link is not None
    assert parse_qs(urlsplit(link).query).keys() == query(page).keys() | {"task"}


def test_what_a_list_shows_is_saved_as_a_file(dashboard: Dashboard, open_page: Open) -> None:
    page = open_page(dashboard, "panel=executions&task_type=bug_fix&outcome=failure")
    told = page.locator("main .actions").inner_text()
    total = int(re.findall(r"of ([\d,]+) shown", told)[0].replace(",", ""))
    with page.expect_download() as saved:
        page.click("#export-json")
    rows = json.loads(saved.value.path().read_text(encoding="utf-8"))
    assert len(rows) == total > 50
    assert {row["outcome"] for row in rows} == {"failure"}
    with page.expect_download() as saved:
        page.click("#export-csv")
    with saved.value.path().open(encoding="utf-8", newline="") as file:
        table = list(csv.DictReader(file))
    assert [row["task_id"] for row in table] == [row["task_id"] for row in rows]
    assert table[0].keys() == rows[0].keys()


def test_an_execution_shows_its_other_runs_and_similar_tasks(
    dashboard: Dashboard, open_page: Open
) -> None:
    page = open_page(dashboard, "panel=executions")
    page.locator(".runs tbody a").first.click()
    dialog = page.locator("dialog")
    expect(dialog.locator(".runs tbody tr").first).to_be_visible()
    expect(dialog.locator("h3", has_text="Similar tasks")).to_be_visible()
    other = dialog.locator(".runs tbody a").first
    text = other.inner_text().removesuffix("…")
    other.click()
    expect(dialog.locator(".prose").first).to_contain_text(text[:60])


def test_a_search_shows_the_answer_of_an_agent_and_what_is_not_relevant(
    dashboard: Dashboard, open_page: Open
) -> None:
    page = open_page(dashboard, "panel=search")
    page.fill("#question", "delivery slots for the login flow")
    page.keyboard.press("Enter")
    answer = page.locator("section", has=page.locator("h2", has_text=re.compile("^The answer$")))
    expect(answer.locator("li").first).to_be_visible()
    scores = [float(text) for text in answer.locator(".score b").all_inner_texts()]
    assert scores == sorted(scores, reverse=True)
    assert "by " in answer.locator(".score").first.inner_text()
    expect(answer.locator("mark", has_text="login").first).to_be_visible()
    expect(answer.locator("time").first).to_be_visible()
    expect(answer.locator(".score").first).to_contain_text(re.compile("likely|possible"))
    below = page.locator("section", has=page.locator("h2", has_text="Less similar"))
    lower = [float(text) for text in below.locator(".score b").all_inner_texts()]
    assert lower
    assert min(scores) >= max(lower)
    answer.locator("a").first.click()
    expect(page.locator("dialog")).to_contain_text("Recorded")
    assert query(page)["q"] == ["delivery slots for the login flow"]


def test_a_failure_leads_to_its_executions_and_to_its_fix(
    dashboard: Dashboard, open_page: Open
) -> None:
    page = open_page(dashboard, "panel=learned")
    failures = page.locator("section", has=page.locator("h2", has_text="Failures"))
    failures.locator(".tasks a").first.click()
    dialog = page.locator("dialog")
    expect(dialog).to_be_visible()
    expect(dialog.locator(".badge").first).to_have_text("failure")
    dialog.locator("button.close").click()
    failures.locator("tbody tr td:last-child a").first.click()
    expect(dialog.locator(".badge").first).to_have_text("success")


def test_an_evaluation_draws_what_was_predicted_against_what_happened(
    dashboard: Dashboard, open_page: Open
) -> None:
    page = open_page(dashboard, "panel=learned")
    requests: list[Route] = []
    page.route(re.compile("api/calibration"), lambda route: requests.append(route))
    page.click("#calibrate")
    for link, panel in (("Overview", "overview"), ("What we learned", "learned")):
        page.get_by_role("link", name=link).click()  # the panel is drawn anew
        expect(page.locator(f"#panel[data-shown={panel}]")).to_be_visible()
    expect(page.locator("[role=status]", has_text="Predicting")).to_be_visible()
    answer = requests[0].fetch(timeout=3 * WAIT)
    found = answer.json()
    found["report"]["missed"] = ["predictions are worse than the rate per option"]
    requests[0].fulfill(response=answer, json=found)
    scores = page.locator("table", has_text="log loss")
    expect(scores).to_contain_text("recommend_approach", timeout=3 * WAIT)
    expect(page.locator("section", has_text="Calibration")).to_contain_text("500 outcomes")
    expect(page.locator("section", has_text="Missed: predictions are worse")).to_be_visible()


def test_the_page_says_first_what_was_learned_and_leads_to_it(
    dashboard: Dashboard, open_page: Open
) -> None:
    page = open_page(dashboard, "panel=learned")
    findings = page.locator(".findings li")
    expect(findings).to_have_count(3)
    expect(findings.first).to_contain_text("more often than the other approaches")
    findings.last.locator("a").click()
    expect(page.locator("dialog")).to_contain_text("Recorded")
    page.keyboard.press("Escape")
    findings.first.locator("a").click()
    page.wait_for_selector("main[data-shown=executions]")
    assert query(page).keys() == {"panel", "task_type", "approach"}
    label = query(page)["approach"][0]
    expect(page.locator(f".runs tbody tr:has-text('{label}')")).to_have_count(50)


def test_a_search_brings_a_recommendation_with_its_intervals(
    dashboard: Dashboard, open_page: Open
) -> None:
    page = open_page(dashboard, "panel=search&q=the+login+flow+is+slow")
    advice = page.locator("section", has=page.locator("h2", has_text="Recommended"))
    expect(advice.locator(".rates tbody tr").first).to_contain_text("%")
    advice.locator("li a").first.click()
    expect(page.locator("dialog")).to_contain_text("Recorded")


def test_the_page_works_on_a_phone_and_in_the_dark_by_the_system_or_by_choice(
    dashboard: Dashboard, open_page: Open
) -> None:
    page = open_page(dashboard)
    colour = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(colour)
    page.emulate_media(color_scheme="dark")
    dark = page.evaluate(colour)
    assert dark != light
    page.select_option("#theme", "light")
    assert page.evaluate(colour) == light
    page.reload()
    assert page.evaluate(colour) == light
    page.select_option("#theme", "")
    assert page.evaluate(colour) == dark
    page.set_viewport_size({"width": 390, "height": 844})
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_every_panel_and_filter_can_be_reached_with_the_keyboard(
    dashboard: Dashboard, open_page: Open
) -> None:
    page = open_page(dashboard)
    reached = []
    for _ in range(12):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.id"))
    panels = ("overview", "executions", "search", "learned", "lessons", "health")
    tabs = [f"tab-{name}" for name in panels]
    assert [name for name in reached if name.startswith(("filter-", "tab-"))] == [
        *("filter-repo", "filter-type", "filter-days"),
        *tabs,
    ]
    page.locator("#tab-health").focus()
    page.keyboard.press("Enter")
    page.wait_for_selector("main[data-shown=health]")
