"""The difference that a dry run shows."""

import json
import shutil
import subprocess

from clients.install.workspace import COMMAND, Workspace

from mcp_learning.clients.install import plan
from mcp_learning.clients.install.agents import agent_named

GIT = shutil.which("git") or "git"


def test_a_difference_shows_what_changes_and_no_more_than_is_readable(workspace: Workspace) -> None:
    workspace.write("cursor", '{"x": "' + "y" * 5_000 + '",\n "mcpServers": {\n}}\n')
    (edit,) = plan.plan_install(agent_named("cursor"), "user", command=COMMAND)
    shown = edit.difference()
    assert (
        f'+      "command": "{COMMAND[0]}"' in shown.replace("+  ", "+    ") or COMMAND[0] in shown
    )
    assert max(map(len, shown.splitlines())) <= 301
    assert json.dumps(COMMAND[0]) in shown


def test_a_difference_is_as_git_would_apply_it(workspace: Workspace) -> None:
    lines = [f'  "key{number}": {{"a": [1, 2]}},' for number in range(3_000)]
    text = "\n".join(["{", *lines, '  "mcpServers": {', '    "a": {"command": "a"}', "  },"])
    text += "\n" + "\n".join(line.replace("key", "more") for line in lines).rstrip(",") + "\n}\n"
    path = workspace.write("cursor", text)
    (edit,) = plan.plan_install(agent_named("cursor"), "user", command=COMMAND)
    patch = edit.difference().replace(str(path), "mcp.json")
    arguments = [GIT, "apply", "--unidiff-zero", "-p0", "-"]
    subprocess.run(arguments, input=patch.encode(), cwd=path.parent, check=True)
    assert path.read_bytes() == edit.after
