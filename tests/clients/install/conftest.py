"""The workspace, without any client's program on the PATH and with programs that stand in."""

import os
from pathlib import Path

import pytest
from clients.install import client_program
from clients.install.workspace import Workspace

WAYS = [
    "edited",
    pytest.param(
        "by client",
        marks=pytest.mark.skipif(os.name != "posix", reason="programs that POSIX can start"),
    ),
]


@pytest.fixture(params=WAYS)
def workspace(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Workspace:
    """Nothing of the machine's user is in its environment."""
    programs = None
    if request.param == "by client":
        programs = client_program.install(tmp_path / "programs")
    workspace = Workspace(tmp_path, programs)
    for directory in (workspace.home, workspace.project):
        directory.mkdir()
    monkeypatch.chdir(workspace.project)
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.defpath}" if programs else "")
    for name in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(name, str(workspace.home))
    for name in ("APPDATA", "XDG_CONFIG_HOME", "CLAUDE_CONFIG_DIR", "CODEX_HOME"):
        monkeypatch.delenv(name, raising=False)
    return workspace
