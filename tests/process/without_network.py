"""Runs `mcp-learning ARGUMENTS` where nobody can reach out, and says who tried.

Python code that connects, sends, or looks up a name is written to stderr as OUTGOING. On Linux the
kernel ends the process, or any that it starts, when it makes an internet socket, be it in Python
or in a library.
"""

import ctypes
import platform
import socket
import struct
import sys
from typing import Any

SOCKET = {"x86_64": 41, "aarch64": 198}
"""Number of the system call `socket`."""

INTERNET = (socket.AF_INET, socket.AF_INET6)
_WATCHED = ("socket.connect", "socket.sendto", "socket.sendmsg", "socket.getaddrinfo")


def watch(event: str, values: tuple[Any, ...]) -> None:
    """Reports what goes out, but for Unix sockets."""
    if event in _WATCHED or event == "socket.gethostbyname":
        channel = values[0]
        if not isinstance(channel, socket.socket) or channel.family in INTERNET:
            sys.stderr.write(f"OUTGOING {event} {values[1:]}\n")


def forbid_internet_sockets() -> None:
    """Has the kernel kill this process when it makes one; its children inherit that."""
    number = SOCKET[platform.machine()]
    steps = (
        (0x20, 0, 0, 0),  # load the number of the system call
        (0x15, 0, 4, number),  # another one: allow
        (0x20, 0, 0, 16),  # load its first argument
        (0x15, 1, 0, socket.AF_INET),
        (0x15, 0, 1, socket.AF_INET6),
        (0x06, 0, 0, 0x80000000),  # kill
        (0x06, 0, 0, 0x7FFF0000),  # allow
    )
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *step) for step in steps))
    program = struct.pack("HxxxxxxQ", len(steps), ctypes.addressof(code))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(38, 1, 0, 0, 0) or libc.prctl(22, 2, ctypes.c_char_p(program), 0, 0):
        raise OSError(ctypes.get_errno(), "the kernel has no seccomp")


def main() -> None:
    sys.addaudithook(watch)
    if sys.platform == "linux" and platform.machine() in SOCKET:
        forbid_internet_sockets()
    if sys.argv[1:] == ["reach out"]:
        socket.create_connection(("127.0.0.1", 9))
    from mcp_learning.cli import main as run

    run()


if __name__ == "__main__":
    main()
