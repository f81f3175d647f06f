"""Hosts with networks of their own, each with a cable to this machine, which only root may make."""

import os
import shutil
import subprocess
from contextlib import suppress

import pytest


class Network:
    """A namespace with one address, and a cable. Remove it in the end.

    Args:
        number: Of the network; two at the same time have different ones.

    Attributes:
        here: This machine's address at the other end of the cable.
    """

    def __init__(self, number: int) -> None:
        self._program = shutil.which("ip") or shutil.which("ip", path="/usr/sbin")
        if os.geteuid() != 0 or self._program is None:
            pytest.skip("hosts with networks of their own need root, and Debian's package iproute2")
        own = f"{os.getpid() % 100_000}{number}"
        self._name, self._cable, far = f"mcpl{own}", f"mcpl{own}h", f"mcpl{own}n"
        net = f"10.{100 + os.getpid() % 100}.{number}"
        self.here = f"{net}.1"
        try:
            self._ip("netns", "add", self._name)
            self._ip("link", "add", self._cable, "type", "veth", "peer", far, "netns", self._name)
            self._ip("addr", "add", f"{self.here}/24", "dev", self._cable)
            self._ip("-n", self._name, "addr", "add", f"{net}.2/24", "dev", far)
            for device in ("lo", far):
                self._ip("-n", self._name, "link", "set", device, "up")
            self.join()
        except subprocess.CalledProcessError:
            self.remove()
            pytest.skip("this root may not make networks")

    def command(self, *program: str) -> list[str]:
        """What runs a program there."""
        return [str(self._program), "netns", "exec", self._name, *program]

    def cut(self) -> None:
        """Nothing gets through any more, and nobody is told so."""
        self._ip("link", "set", self._cable, "down")

    def join(self) -> None:
        """The cable is as it was."""
        self._ip("link", "set", self._cable, "up")

    def remove(self) -> None:
        """Removes the namespace; the cable goes with it."""
        with suppress(subprocess.CalledProcessError):
            self._ip("netns", "del", self._name)

    def _ip(self, *arguments: str) -> None:
        subprocess.run([str(self._program), *arguments], check=True, capture_output=True)
