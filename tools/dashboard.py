"""Measures the dashboard in Chromium, or takes its pictures; needs the development environment.

    python tools/dashboard.py speed DIR [DIR …]   how long the first view takes, beside an agent and
                                                  alone, and what an open page does to an agent's
                                                  searches; adds some executions to DIR
    python tools/dashboard.py pictures DIR        rewrites the pictures in docs/dashboard

DIR is a data directory, filled by `mcp-learning generate-data`.
"""

import json
import shutil
import statistics
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

from benchmarks.mcp_client import PRODUCT_SERVER, Connection, spawn
from mcp_learning.server import sandbox
from mcp_learning.synthetic.generator import make_tasks

PICTURES = Path(__file__).resolve().parent.parent / "docs" / "dashboard"
VIEWS = 7
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


def main() -> int:
    """Runs what is asked for."""
    task, *directories = sys.argv[1:] or ["help"]
    if task not in ("speed", "pictures") or not directories:
        print(__doc__)
        return 2
    with sync_playwright() as driver:
        path = shutil.which("chromium") or shutil.which("google-chrome")
        browser = driver.chromium.launch(executable_path=path, args=["--no-sandbox"])
        for directory in map(Path, directories):
            if task == "speed":
                speed(browser, directory)
            else:
                pictures(browser, directory)
        browser.close()
    return 0


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
            views = sorted(first_view(browser, url) for _ in range(VIEWS))
            print(f"| further first views, median of {VIEWS} | {views[VIEWS // 2]:.0f} |")
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


def pictures(browser: Browser, directory: Path) -> None:
    """Takes a picture of each panel, some in the dark, and one on a phone."""
    PICTURES.mkdir(exist_ok=True)
    with spawn(PRODUCT_SERVER, directory) as agent:
        for task in make_tasks(40, seed=3):
            agent.call("find_similar_tasks", {"task_description": task.description})
        with dashboard(directory) as url:
            for name, query, scheme, size in (
                ("overview", "", "light", (1200, 900)),
                ("overview-phone", "", "light", (390, 844)),
                ("search", "panel=search&q=the login flow is slow", "light", (1200, 1000)),
                ("learned", "panel=learned", "light", (1200, 1000)),
                ("health", "panel=health", "dark", (1200, 800)),
            ):
                context = browser.new_context(
                    viewport={"width": size[0], "height": size[1]},
                    color_scheme="dark" if scheme == "dark" else "light",
                    reduced_motion="reduce",
                )
                page = context.new_page()
                page.goto(at(url, query))
                page.wait_for_selector("main[data-shown]")
                settle(page)
                page.screenshot(path=PICTURES / f"{name}.png")
                context.close()


def settle(page: Page) -> None:
    """Waits until every chart is drawn."""
    page.evaluate(DRAWN, 0)
    page.wait_for_timeout(400)


if __name__ == "__main__":
    sys.exit(main())
