"""Resident memory of a process, and what it consists of."""

import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

from benchmarks.mcp_client import MeasurementFailed

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


def resident_parts(pid: int) -> dict[str, float]:
    """The resident set of process `pid` by what is mapped, in MB (2^20 bytes); largest first.

    `anonymous` is what the process allocated itself; each other key is a file, mostly a library, of
    which the pages count that are in memory unchanged. Empty where the platform doesn't tell.

    Raises:
        MeasurementFailed: There is no such process.
    """
    if sys.platform != "linux":
        return {}
    try:
        text = Path(f"/proc/{pid}/smaps").read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise MeasurementFailed(f"the memory of process {pid} can't be read: {error}") from error
    return _by_mapping(text)


def _by_mapping(smaps: str) -> dict[str, float]:
    """Sums up /proc/PID/smaps by mapped file."""
    kilobytes: Counter[str] = Counter()
    name = ""
    for line in smaps.splitlines():
        words = line.split(maxsplit=5)
        if not words[0].endswith(":"):
            name = Path(words[5]).name if len(words) == 6 else "anonymous"
        elif words[0] == "Rss:":
            kilobytes[name] += int(words[1])
        elif words[0] == "Anonymous:":  # a file's pages that were written to are the process's own
            kilobytes[name] -= int(words[1])
            kilobytes["anonymous"] += int(words[1])
    return {name: count / 1024 for name, count in kilobytes.most_common() if count > 0}


def _kilobytes(pid: int) -> int:
    if sys.platform == "linux":
        status = Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace")
        return int(re.findall(r"^VmRSS:\s+(\d+)", status, re.MULTILINE)[0])
    if sys.platform == "win32":  # "python.exe","4711","Console","1","123,456 K"
        line = subprocess.check_output([*_WINDOWS, f"PID eq {pid}"], text=True)
        return int(re.sub(r"\D", "", line.split('","')[4]))
    return int(subprocess.check_output(["ps", "-o", "rss=", "-p", str(pid)], text=True))
