"""The conformance suite of the protocol's makers, against this server over HTTP."""

import os
import platform
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from process.served import HttpServer
from process.test_inspector import node_version

pytestmark = pytest.mark.skipif(
    sys.platform == "win32" or shutil.which("npx") is None, reason="needs npx and signals"
)

SUITE = "@modelcontextprotocol/conformance@0.1.16"
LEAST_NODE = 22
NODE = "24.21.0"
"""What is fetched where there is an older one."""

EXPECTED = Path(__file__).with_name("conformance.yml")
CACHE = Path(tempfile.gettempdir()) / "mcp-learning-conformance"
SECONDS = 100


def packages() -> list[str]:
    if node_version() >= LEAST_NODE:
        return [SUITE]
    architecture = {"x86_64": "x64", "aarch64": "arm64"}.get(platform.machine())
    name = {"linux": "linux", "darwin": "darwin"}.get(sys.platform)
    if architecture is None or name is None:
        pytest.skip(f"needs Node {LEAST_NODE}")
    return [SUITE, f"node-{name}-{architecture}@{NODE}"]


def npx(command: str, directory: Path) -> subprocess.CompletedProcess[str]:
    chosen = [part for package in packages() for part in ("-p", package)]
    environment = {**os.environ, "npm_config_cache": str(CACHE), "npm_config_update_notifier": "0"}
    return subprocess.run(
        ["npx", "-y", *chosen, "-c", command],
        cwd=directory,
        env=environment,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )


def test_the_conformance_suite_fails_only_where_it_is_expected_to(tmp_path: Path) -> None:
    try:
        done = npx("conformance --version", tmp_path)
    except subprocess.TimeoutExpired:
        pytest.skip(f"npx did not get the suite within {SECONDS} s")
    if done.returncode:
        pytest.skip(f"npx can't get the suite: {done.stderr.strip()[:200]}")

    with HttpServer(tmp_path / "data") as server:
        done = npx(
            f"conformance server --url {server.url} --expected-failures '{EXPECTED}' -o results",
            tmp_path,
        )
        status, stderr = server.end()

    assert done.returncode == 0, done.stdout[-3_000:]
    assert "Traceback" not in stderr
    assert status == 0
