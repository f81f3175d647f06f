"""Resident memory of another process."""

import re
import subprocess
import sys
from pathlib import Path

from mcp_learning.bench.pipes import MeasurementFailed

_WINDOWS = ("tasklist", "/FO", "CSV", "/NH", "/FI")


def resident_mb(pid: int) -> float:
    """Resident set of process `pid`, in MB (2^20 bytes).

    Raises:
        MeasurementFailed: The platform doesn't tell, or there is no such process.
    """
    try:
        kilobytes = _kilobytes(pid)
    except (OSError, subprocess.SubprocessError, ValueError, IndexError) as error:
        raise MeasurementFailed(f"the memory of process {pid} can't be read: {error}") from error
    return kilobytes / 1024


def _kilobytes(pid: int) -> int:
    if sys.platform == "linux":
        status = Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace")
        return int(re.findall(r"^VmRSS:\s+(\d+)", status, re.MULTILINE)[0])
    if sys.platform == "win32":  # "python.exe","4711","Console","1","123,456 K"
        line = subprocess.check_output([*_WINDOWS, f"PID eq {pid}"], text=True)
        return int(re.sub(r"\D", "", line.split('","')[4]))
    return int(subprocess.check_output(["ps", "-o", "rss=", "-p", str(pid)], text=True))
