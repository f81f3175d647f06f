"""A real browser for the dashboard: Debian's Chromium (or another), driven by Playwright."""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

playwright = pytest.importorskip("playwright.sync_api", reason="needs Playwright")

from playwright.sync_api import Browser, ConsoleMessage, Page, Request, sync_playwright  # noqa: E402
from process.wire import Server  # noqa: E402
from web.served import Dashboard  # noqa: E402

CHROMIUMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
WAIT = 30_000
"""Milliseconds that a page may take, on a busy machine."""

Open = Callable[..., Page]


@pytest.fixture(scope="module")  # no longer: its event loop stays set on this thread
def browser() -> Iterator[Browser]:
    path = next(filter(None, map(shutil.which, CHROMIUMS)), None)
    if path is None:
        pytest.skip("needs Chromium: apt-get install chromium")
    with sync_playwright() as driver:
        # In a container, root has no namespaces for a sandbox; what is shown is ours.
        arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
        launched = driver.chromium.launch(executable_path=path, args=arguments)
        yield launched
        launched.close()


@pytest.fixture(scope="module")
def agent(directory: Path) -> Iterator[Server]:
    """A server that an agent uses."""
    with Server(directory) as server:
        server.initialize()
        yield server


@pytest.fixture(scope="module")
def dashboard(agent: Server, directory: Path) -> Iterator[Dashboard]:
    """The dashboard beside it."""
    agent.call("learning_stats")
    with Dashboard(directory) as served:
        yield served


class Watch:
    """What a page did that it mustn't: errors, and requests to anywhere but its server."""

    def __init__(self, page: Page, address: str) -> None:
        self.problems: list[str] = []
        self._address = address
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.problems.append(str(error)))
        page.on("request", self._request)

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.problems.append(f"{message.type}: {message.text}")

    def _request(self, request: Request) -> None:
        if not request.url.startswith((f"{self._address}/", "data:")):
            self.problems.append(f"a request to {request.url}")


@pytest.fixture
def watches() -> list[Watch]:
    return []


@pytest.fixture
def open_page(browser: Browser, watches: list[Watch]) -> Iterator[Open]:
    """Opens a view of a dashboard in a new profile. At the end, no page may have misbehaved."""
    contexts = []

    def open_view(dashboard: Dashboard, query: str = "", *, url: str = "") -> Page:
        context = browser.new_context(viewport={"width": 1200, "height": 900})
        context.set_default_timeout(WAIT)
        contexts.append(context)
        page = context.new_page()
        watches.append(Watch(page, dashboard.address))
        page.goto(url or dashboard.at(query))
        page.wait_for_selector("main[data-shown]")
        return page

    yield open_view
    for context in contexts:
        context.close()
    assert [problem for watch in watches for problem in watch.problems] == []


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("dashboard") / "data"
