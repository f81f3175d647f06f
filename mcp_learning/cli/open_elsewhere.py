"""Which process has the database open, as far as `doctor` can tell."""

import re
import subprocess
from pathlib import Path

from mcp_learning.cli.check_runner import CheckFailed, Finding
from mcp_learning.errors import StoreLocked
from mcp_learning.models.health import Health, Member
from mcp_learning.models.wording import counted


def open_in_server(path: Path, health: Health) -> Finding:
    """The database is open in a server, whose `health` is all that can be known of it from here."""
    detail = f"{path}, {counted(health.rows, 'execution')}"
    if health.leader is not None:
        detail += f"; open in {_member(health.leader)}"
    if health.followers:
        detail += f"; followed by {', '.join(map(_member, health.followers))}"
    fix = "mcp-learning rebuild-index --reembed" if health.reembed_due else ""
    return Finding(detail, fix=fix, conclusive=False)


def _member(member: Member) -> str:
    return (
        f"process {member.pid} (mcp-learning {member.version}, since "
        f"{member.since:%Y-%m-%d %H:%M:%S} UTC)"
    )


def open_in_process(path: Path, error: StoreLocked) -> Finding:
    """The database is open in a process that doesn't answer.

    Raises:
        CheckFailed: It is another program than this one.
    """
    holder = re.search(r"process (\d+)", str(error))
    if holder is None:
        return Finding(f"{path} is open in another process", conclusive=False)
    pid = holder[1]
    command = _command_of(pid)
    if command and "mcp_learning" not in command and "mcp-learning" not in command:
        raise CheckFailed(
            f"{path} is open in process {pid} ({command[:60]})", f"close it: kill {pid}"
        )
    what = "another mcp-learning" if command else "another process"
    return Finding(f"{path} is open in {what}, process {pid}", conclusive=False)


def _command_of(pid: str) -> str:
    """The command line of a process; "" if it can't be read."""
    try:
        listed = subprocess.run(
            ["ps", "-o", "args=", "-p", pid], capture_output=True, text=True, timeout=5, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return listed.stdout.strip()
