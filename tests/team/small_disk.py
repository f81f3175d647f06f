"""A disk that fills up: a file system in memory, which only root may mount."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

MEGABYTES = 32


@contextmanager
def small_disk(directory: Path) -> Iterator[Path]:
    """A directory for PostgreSQL on a disk of its own; the test is skipped where it can't be."""
    mount = shutil.which("mount")
    if mount is None or os.geteuid() != 0:
        pytest.skip("only root may mount a small disk")
    directory.mkdir()
    command = [mount, "-t", "tmpfs", "-o", f"size={MEGABYTES}m", "none", str(directory)]
    if subprocess.run(command, check=False, capture_output=True).returncode:
        pytest.skip("this root may not mount a small disk")
    try:
        shutil.chown(directory, "postgres", "postgres")
        yield directory
    finally:
        subprocess.run(["umount", "--lazy", str(directory)], check=True)


def fill(directory: Path) -> Path:
    """Leaves no room on the disk; returns the file that takes it."""
    file = directory / "rest"
    with file.open("wb", buffering=0) as written:
        try:
            while True:
                written.write(bytes(65536))
        except OSError:
            return file
