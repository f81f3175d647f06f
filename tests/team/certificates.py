"""Certificates for servers of tests, each of an authority of its own."""

import shutil
import subprocess
from pathlib import Path

import pytest


def certificate(directory: Path, name: str, *addresses: str) -> Path:
    """A certificate for these addresses, with its key beside it, both as PostgreSQL wants them."""
    program = shutil.which("openssl")
    if program is None:
        pytest.skip("no openssl is installed")
    file = directory / f"{name}.crt"
    command = [program, "req", "-x509", "-newkey", "ec", "-nodes", "-days", "2"]
    command += ["-pkeyopt", "ec_paramgen_curve:prime256v1", "-subj", f"/CN={name}"]
    command += ["-addext", "subjectAltName=" + ",".join(f"IP:{one}" for one in addresses)]
    command += ["-keyout", str(file.with_suffix(".key")), "-out", str(file)]
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    if file.owner() == "root":  # PostgreSQL runs as somebody else then
        for one in (file, file.with_suffix(".key")):
            shutil.chown(one, "postgres", "postgres")
    return file
