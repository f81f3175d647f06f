"""What axe-core finds in each view; needs `npm install --no-save axe-core` in the checkout."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import anyio
import pytest
from playwright.sync_api import Page
from web.conftest import Open
from web.filling import fill
from web.served import Dashboard

AXE = Path(__file__).parents[2] / "node_modules" / "axe-core" / "axe.min.js"
COUNT = 300
VIEWS = (
    "panel=overview",
    "panel=executions",
    "panel=executions&text=nothing+has+this",
    "panel=search",
    "panel=search&q=the+login+flow+is+slow",
    "panel=learned",
    "panel=lessons",
    "panel=health",
)
LOOKS = {"light": ("light", 1200), "dark": ("dark", 1200), "phone": ("light", 390)}

pytestmark = pytest.mark.skipif(not AXE.exists(), reason="needs axe-core from npm")


@pytest.fixture(scope="module")
def dashboard(directory: Path) -> Iterator[Dashboard]:
    with ThreadPoolExecutor(1) as pool:  # this thread has the browser's event loop
        pool.submit(anyio.run, fill, directory, COUNT).result()
    with Dashboard(directory) as served:
        yield served


def serious(page: Page) -> list[Any]:
    """Rule, element and why, of each violation that axe-core calls serious or critical."""
    page.evaluate(f"() => {{ {AXE.read_text(encoding='utf-8')} }}")
    found = page.evaluate(
        "async () => (await axe.run(document)).violations.filter((one) => "
        "['serious', 'critical'].includes(one.impact)).map((one) => "
        "[one.id, one.nodes[0].html, one.nodes[0].failureSummary])"
    )
    return list(found)


@pytest.mark.parametrize("look", LOOKS)
def test_no_view_has_a_serious_obstacle(look: str, dashboard: Dashboard, open_page: Open) -> None:
    theme, width = LOOKS[look]
    page = open_page(dashboard)
    page.emulate_media(reduced_motion="reduce")
    page.set_viewport_size({"width": width, "height": 900})
    page.select_option("#theme", theme)
    found = {}
    for view in VIEWS:
        page.goto(dashboard.at(view))
        page.wait_for_selector(f"main[data-shown={view.partition('=')[2].partition('&')[0]}]")
        page.wait_for_selector("main:not([aria-busy])")
        found[view] = serious(page)
        if view == "panel=executions":
            page.locator(".runs tbody a").first.click()
            page.wait_for_selector("dialog[open] h3:text('Similar tasks')")
            for form in ("#correct", "#delete"):
                page.click(form)
                found[form] = serious(page)
            page.keyboard.press("Escape")
    assert {view: problems for view, problems in found.items() if problems} == {}
