"""Who gets an answer from the dashboard, and what it carries."""

import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from process.wire import Server
from prometheus_client.parser import text_string_to_metric_families
from web.served import Dashboard

from mcp_learning.web.app import STATIC

TASK = {
    "task_type": "bug_fix",
    "task_description": "Fix the login redirect loop",
    "outcome": "success",
    "repo": "acme/shop",
}


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("dashboard") / "data"


@pytest.fixture(scope="module")
def agent(directory: Path) -> Iterator[Server]:
    with Server(directory) as server:
        server.initialize()
        server.call("record_execution", **TASK)
        server.call("record_execution", **{**TASK, "outcome": "failure"})
        server.call("get_execution", task_id="01a205cd-bc2b-7552-b855-cb78666bdacf")
        yield server


@pytest.fixture(scope="module")
def dashboard(agent: Server, directory: Path) -> Iterator[Dashboard]:
    with Dashboard(directory) as served:
        yield served


DATA = ("/api/overview", "/api/learned", "/api/health", "/api/pulse", "/api/nothing", "/metrics")


@pytest.mark.parametrize("path", DATA)
def test_data_needs_the_token(path: str, dashboard: Dashboard) -> None:
    for token in (None, "", "wrong", dashboard.token + "x", dashboard.token[:-1]):
        status, headers, body = dashboard.get(path, token=token)
        assert status == 401
        assert "acme" not in body
        assert headers["www-authenticate"] == "Bearer"
    cookie = {"Cookie": f"token={dashboard.token}"}
    assert dashboard.get(f"{path}?token={dashboard.token}", **cookie)[0] == 401


@pytest.mark.parametrize("path", ["/", "/static/js/main.js", *DATA])
def test_another_host_or_origin_is_refused_even_with_the_token(
    path: str, dashboard: Dashboard
) -> None:
    port = dashboard.port
    for host in ("evil.example", f"evil.example:{port}", "127.0.0.1", f"127.0.0.1:{port + 1}"):
        assert dashboard.get(path, token=dashboard.token, Host=host)[0] == 421
    for origin in ("https://evil.example", "null", f"http://127.0.0.1:{port + 1}"):
        assert dashboard.get(path, token=dashboard.token, Origin=origin)[0] == 403
    fine = {"Host": f"localhost:{port}", "Origin": f"http://localhost:{port}"}
    assert dashboard.get(path, token=dashboard.token, **fine)[0] in (200, 404)


@pytest.mark.parametrize("path", ["/", "/static/js/main.js", "/api/overview", "/nowhere"])
def test_every_answer_forbids_other_sources_and_frames(path: str, dashboard: Dashboard) -> None:
    _, headers, _ = dashboard.get(path)
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "//" not in policy
    assert "frame-ancestors 'none'" in policy
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["x-content-type-options"] == "nosniff"
    assert "access-control-allow-origin" not in headers


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_nothing_else_can_be_changed(method: str, dashboard: Dashboard) -> None:
    for path in ("/", "/api/overview", "/api/executions", "/metrics", "/static/style.css"):
        assert dashboard.get(path, token=dashboard.token, method=method)[0] == 405


def test_files_outside_the_page_are_not_served(dashboard: Dashboard) -> None:
    for path in ("/static/../app.py", "/static/%2e%2e/app.py", "/static//etc/passwd", "/app.py"):
        assert dashboard.get(path, token=dashboard.token)[0] == 404


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("days=0", "days"),
        ("days=many", "days"),
        ("nonsense=1", "nonsense"),
    ],
)
def test_a_wrong_question_is_answered_with_the_field_that_is_wrong(
    query: str, field: str, dashboard: Dashboard
) -> None:
    status, _, body = dashboard.get(f"/api/overview?{query}", token=dashboard.token)
    assert status == 400
    error = json.loads(body)["error"]
    assert error.startswith(f"{field}: ")
    assert error.count(field) == 1
    assert "\n" not in error


def test_an_execution_that_is_gone_is_not_found(dashboard: Dashboard) -> None:
    path = "/api/executions/01a205cd-bc2b-7552-b855-cb78666bdacf"
    status, _, body = dashboard.get(path, token=dashboard.token)
    assert status == 404
    assert "no execution" in json.loads(body)["error"]


def test_metrics_say_what_the_health_panel_says(agent: Server, dashboard: Dashboard) -> None:
    before = json.loads(dashboard.get("/api/health", token=dashboard.token)[2])
    _, headers, text = dashboard.get("/metrics", token=dashboard.token)
    panel = json.loads(dashboard.get("/api/health", token=dashboard.token)[2])
    assert headers["content-type"].startswith("text/plain")
    samples = {
        (sample.name, *sorted(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
    assert samples[("mcp_learning_executions",)] == panel["health"]["rows"] == 2
    # Vectors of what was just recorded may be written meanwhile.
    sizes = [one["health"]["database_bytes"] for one in (before, panel)]
    assert min(sizes) <= samples[("mcp_learning_database_bytes",)] <= max(sizes)
    assert samples[("mcp_learning_outcomes", "failure")] == 1
    assert samples[("mcp_learning_success_rate", "estimate")] == 0.5
    assert samples[("mcp_learning_followers",)] == len(panel["health"]["followers"]) == 1
    latencies = {one["tool"]: one for one in panel["telemetry"]["latencies"]}
    assert samples[("mcp_learning_calls_total", "record_execution")] == 2
    assert samples[("mcp_learning_failed_calls_total", "get_execution")] == 1
    assert samples[("mcp_learning_call_seconds", "0.5", "record_execution")] == pytest.approx(
        latencies["record_execution"]["p50_ms"] / 1000
    )


def test_the_data_hides_nothing_of_what_was_stored(agent: Server, dashboard: Dashboard) -> None:
    text = "mend\u202e\u200b the\U000e0041 dial"
    recorded = agent.content("record_execution", **TASK | {"task_description": text})
    asked = ("/api/executions", f"/api/executions/{recorded['task_id']}", "/api/look-up?")
    for path in asked:
        if path.endswith("?"):
            path += "task_description=mend+the+dial"
        status, _, body = dashboard.get(path, token=dashboard.token)
        assert (status, "mend the dial" in body) == (200, True), body
        assert not any(character in body for character in "\u202e\u200b\U000e0041")


def test_a_token_of_one_s_own_is_the_token(directory: Path, dashboard: Dashboard) -> None:
    token = "sixteen-characters"
    with Dashboard(directory, MCP_LEARNING_HTTP_TOKEN=token) as served:
        assert served.token == token
        assert served.get("/metrics", token=token)[0] == 200
        assert served.get("/metrics", token=dashboard.token)[0] == 401


def test_a_port_that_is_taken_is_named(directory: Path, dashboard: Dashboard) -> None:
    with pytest.raises(AssertionError, match=rf"--port {dashboard.port}: can't listen there"):
        Dashboard(directory, "--port", str(dashboard.port))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_browser_is_led_to_the_page_by_a_private_file(
    agent: Server, directory: Path, tmp_path: Path
) -> None:
    told = tmp_path / "told"
    os.mkfifo(told)
    browser = tmp_path / "browser"
    browser.write_text(f"#!/bin/sh\nprintf %s \"$*\" > '{told}'\n")
    browser.chmod(0o700)
    with Dashboard(directory, "--open", BROWSER=str(browser)) as served:
        given = told.read_text()
        page = Path(unquote(urlsplit(given).path))
        assert served.token not in given
        assert served.url in page.read_text()
        assert page.stat().st_mode & 0o777 == 0o600
        assert served.end() == (0, "")
    assert not page.exists()


def test_the_packaged_charting_library_is_the_one_that_its_notice_names() -> None:
    notice = (STATIC / "vendor" / "README.md").read_text(encoding="utf-8")
    digest = hashlib.sha256((STATIC / "vendor" / "echarts.common.min.js").read_bytes()).hexdigest()
    assert digest in notice
