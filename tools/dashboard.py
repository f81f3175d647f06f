"""Measures the dashboard in Chromium, or takes its pictures; needs the development environment.

    python tools/dashboard.py speed DIR         how long the first view takes, beside an agent and
                                                alone, and what an open page does to an agent's
                                                searches; adds some executions to DIR
    python tools/dashboard.py panels DIR        rewrites the pictures of single panels
    python tools/dashboard.py views NAME DIR    rewrites the sheet NAME: every view, light, dark and
                                                at 390 pixels

DIR is a data directory, filled by `mcp-learning generate-data`; the pictures show its path.
"""

import io
import json
import shutil
import statistics
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

from benchmarks.mcp_client import PRODUCT_SERVER, Connection, spawn
from mcp_learning.server import sandbox
from mcp_learning.synthetic.generator import make_tasks

FIRST_VIEWS = 7
BLOCKS, FINDS = 10, 60
# As a function, not as a text to evaluate, which the page's policy forbids.
DRAWN = """least => new Promise((resolve) => {
    const look = () => {
        const charts = [...document.querySelectorAll('.chart')];
        const drawn = charts.filter((one) => one.querySelector('canvas')).length;
        if (drawn >= least && drawn === charts.length) resolve(performance.now());
        else requestAnimationFrame(look);
    };
    look();
})"""

PICTURES = Path(__file__).resolve().parent.parent / "docs" / "dashboard"
QUESTION = "panel=search&q=the login flow is slow"
DETAIL = "panel=executions&first"
"""The list of executions with the first one opened."""

COLOURS = 256
"""Of a picture: enough for text and marks, at half the size."""

SHOT, GAP = 270, 12
"""Height of a picture on a sheet, and the room between two, in pixels."""


class Look(NamedTuple):
    """How a page is looked at: colour scheme, and size in pixels."""

    theme: str
    width: int
    height: int


LIGHT, DARK = Look("light", 1200, 900), Look("dark", 1200, 900)
PHONE = Look("light", 390, 844)
PANELS = (
    ("overview", "panel=overview", LIGHT),
    ("executions", "panel=executions", Look("light", 1200, 700)),
    ("correction", DETAIL, DARK),
    ("search", QUESTION, Look("light", 1200, 1000)),
    ("learned", "panel=learned", Look("light", 1200, 1000)),
    ("health", "panel=health", Look("dark", 1200, 1000)),
    ("overview-phone", "panel=overview", PHONE),
    ("learned-phone", "panel=learned", PHONE),
)
ALL = (
    "panel=overview",
    "panel=executions",
    DETAIL,
    QUESTION,
    "panel=learned",
    "panel=lessons",
    "panel=health",
)


def main() -> int:
    """Runs what is asked for."""
    match sys.argv[1:]:
        case ["speed", directory]:
            with chromium() as browser:
                speed(browser, Path(directory))
        case ["panels", directory]:
            panels(Path(directory))
        case ["views", name, directory]:
            views(name, Path(directory))
        case _:
            print(__doc__)
            return 2
    return 0


@contextmanager
def chromium() -> Iterator[Browser]:
    """A browser without a window."""
    with sync_playwright() as driver:
        path = shutil.which("chromium") or shutil.which("google-chrome")
        browser = driver.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


@contextmanager
def dashboard(directory: Path) -> Iterator[str]:
    """A dashboard process; gives the address to open."""
    command = [*PRODUCT_SERVER, "dashboard", "--no-open", "--json"]
    environment = sandbox.environment(directory)
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout is not None
        try:
            yield json.loads(process.stdout.readline())["url"]
        finally:
            process.terminate()


def at(url: str, query: str) -> str:
    """The address of a view."""
    return url.replace("/#", f"/?{query}#")


def speed(browser: Browser, directory: Path) -> None:
    """Prints the measurements as a Markdown table."""
    print(f"\n{directory}\n\n| | ms |\n|---|---|")
    with dashboard(directory) as url:
        print(f"| first view of all, the dashboard alone | {first_view(browser, url):.0f} |")
    with spawn(PRODUCT_SERVER, directory) as agent:
        texts = [task.description for task in make_tasks(200, seed=5)]
        agent.call("find_similar_tasks", {"task_description": texts[0]})
        with dashboard(directory) as url:
            print(f"| first view of all, beside an agent | {first_view(browser, url):.0f} |")
            views = sorted(first_view(browser, url) for _ in range(FIRST_VIEWS))
            print(
                f"| further first views, median of {FIRST_VIEWS} | {views[FIRST_VIEWS // 2]:.0f} |"
            )
            for name in ("overview", "health"):
                closed, opened = beside(browser, agent, at(url, f"panel={name}"), texts)
                print(f"| find, median: no page, {name} open | {closed:.2f}, {opened:.2f} |")


def first_view(browser: Browser, url: str) -> float:
    """Milliseconds from the navigation in a new profile until all four charts are drawn."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    page.goto(at(url, "panel=overview"), wait_until="commit")
    took = float(page.evaluate(DRAWN, 4))
    context.close()
    return took


def beside(browser: Browser, agent: Connection, url: str, texts: list[str]) -> tuple[float, float]:
    """Median of an agent's searches in ms, without a page and with one, in turns.

    One call in twenty records something, so that the page has something to update.
    """
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    took: dict[bool, list[float]] = {False: [], True: []}
    for block in range(BLOCKS):
        opened = block % 2 == 1
        page.goto("about:blank")
        if opened:
            page.goto(url)
            page.wait_for_selector("main[data-shown]")
        for number in range(FINDS):
            text = texts[(block * FINDS + number) % len(texts)]
            if number % 20 == 0:
                record(agent, f"{text} ({block}, {number})")
            seconds, _ = agent.call("find_similar_tasks", {"task_description": text})
            took[opened].append(1000 * seconds)
            page.wait_for_timeout(50)  # an agent thinks, and the page gets its turn
    context.close()
    return statistics.median(took[False]), statistics.median(took[True])


def record(agent: Connection, text: str) -> None:
    """Records a success."""
    task = {"task_type": "measurement", "task_description": text, "outcome": "success"}
    agent.call("record_execution", task)


def panels(directory: Path) -> None:
    """A picture of each panel, after an agent has asked something."""
    with spawn(PRODUCT_SERVER, directory) as agent:
        for task in make_tasks(40, seed=3):
            agent.call("find_similar_tasks", {"task_description": task.description})
        with chromium() as browser, dashboard(directory) as url:
            for name, query, look in PANELS:
                save(taken(browser, url, query, look, correcting=name == "correction"), name)


def views(name: str, directory: Path) -> None:
    """One sheet: a row for each view, in all three looks, made small."""
    rows = []
    with chromium() as browser, dashboard(directory) as url:
        for query in ALL:
            shots = [taken(browser, url, query, look) for look in (LIGHT, DARK, PHONE)]
            rows.append([one.resize((SHOT * one.width // one.height, SHOT)) for one in shots])
    width = max(sum(one.width + GAP for one in row) for row in rows) + GAP
    sheet = Image.new("RGB", (width, (SHOT + GAP) * len(rows) + GAP), "white")
    for number, row in enumerate(rows):
        left = GAP
        for one in row:
            sheet.paste(one, (left, GAP + number * (SHOT + GAP)))
            left += one.width + GAP
    save(sheet, f"views-{name}")


def save(picture: Image.Image, name: str) -> None:
    """Writes it into the documentation."""
    small = picture.convert("RGB").quantize(
        COLOURS, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE
    )
    small.save(PICTURES / f"{name}.png", optimize=True)


def taken(
    browser: Browser, url: str, query: str, look: Look, *, correcting: bool = False
) -> Image.Image:
    """A picture of a view once it is complete; of `DETAIL` with the form for corrections."""
    context = browser.new_context(
        viewport={"width": look.width, "height": look.height},
        color_scheme="dark" if look.theme == "dark" else "light",
        reduced_motion="reduce",
    )
    page = context.new_page()
    page.goto(at(url, query.removesuffix("&first")))
    page.wait_for_selector("main[data-shown]")
    if query == DETAIL and page.locator(".runs tbody a").count():
        page.locator(".runs tbody a").first.click()
        page.wait_for_selector("dialog h3:text('Similar tasks')")
    if correcting:
        page.click("#correct")
        page.select_option("#correct-outcome", "pending")
        page.click("#correct-next")
    settle(page)
    shot = Image.open(io.BytesIO(page.screenshot()))
    context.close()
    return shot


def settle(page: Page) -> None:
    """Waits until every chart is drawn."""
    page.evaluate(DRAWN, 0)
    page.wait_for_timeout(400)


if __name__ == "__main__":
    sys.exit(main())
