"""One blocking call to the leader with the standard library only, for short-lived processes.

It implements the protocol of `frames` without its models: importing pydantic and an event loop
takes several times as long as the call. It never leads, and never repeats a call.
"""

import json
import os
import socket
import time
from pathlib import Path
from typing import Any

PROTOCOL = 2
"""Version of the protocol. Leader and follower have to agree on it, not on their own versions."""

_LENGTH = 4
_LARGEST = 32 * 2**20


class NoLeader(Exception):
    """Raised when no process leads, or when the leader can't be reached."""


class CallFailed(Exception):
    """Raised when the leader refuses the call, fails or takes too long; the message says which."""


def ask(directory: Path, method: str, arguments: dict[str, Any], seconds: float) -> Any:
    """Returns the leader's answer to a call of a method of `Learning`, as JSON values. Blocks.

    Takes at most `seconds`; the connection then closes, and the leader cancels the call.

    Raises:
        NoLeader: No process leads.
        CallFailed: The leader answers with an error, or not in time.
    """
    deadline = time.monotonic() + seconds
    address = _address(directory)
    with _connected(directory, address, seconds) as connection:
        try:
            _send(connection, _hello(address))
            welcome = _receive(connection, deadline)
            if welcome.get("refused") or welcome.get("protocol") != PROTOCOL:
                raise CallFailed("the running server uses another protocol version")
            call = {"type": "call", "id": 1, "method": method, "arguments": arguments}
            _send(connection, call)
            while True:
                frame = _receive(connection, deadline)
                if frame.get("type") == "result":
                    return frame.get("value")
                if frame.get("type") == "failure":
                    raise CallFailed(str(frame.get("message")))
        except TimeoutError:
            raise CallFailed(_late(seconds)) from None
        except (OSError, ValueError, AttributeError) as error:
            raise CallFailed(f"the server went away ({error})") from error


def _address(directory: Path) -> dict[str, Any]:
    try:
        address = json.loads((directory / "leader.json").read_bytes())
    except (OSError, ValueError) as error:
        raise NoLeader from error
    if not isinstance(address, dict) or not isinstance(address.get("token"), str):
        raise NoLeader
    return address


def _connected(directory: Path, address: dict[str, Any], seconds: float) -> socket.socket:
    try:
        if name := address.get("socket"):
            connection = socket.socket(socket.AF_UNIX)
            connection.settimeout(seconds)
            connection.connect(os.fspath(directory / name))
            return connection
        return socket.create_connection(("127.0.0.1", int(address.get("port") or 0)), seconds)
    except TimeoutError:
        raise CallFailed(_late(seconds)) from None
    except (OSError, ValueError, TypeError) as error:
        raise NoLeader from error


def _late(seconds: float) -> str:
    return f"the server took longer than {seconds:g} s"


def _hello(address: dict[str, Any]) -> dict[str, Any]:
    since = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    member = {"pid": os.getpid(), "since": since, "version": "of a hook"}
    return {
        "type": "hello",
        "protocol": PROTOCOL,
        "token": address["token"],
        "member": member,
        "follows": False,
        "excluded_repos": os.environ.get("MCP_LEARNING_EXCLUDED_REPOS", ""),
    }


def _send(connection: socket.socket, frame: dict[str, Any]) -> None:
    data = json.dumps(frame).encode()
    connection.sendall(len(data).to_bytes(_LENGTH) + data)


def _receive(connection: socket.socket, deadline: float) -> dict[str, Any]:
    length = int.from_bytes(_exactly(connection, _LENGTH, deadline))
    if length > _LARGEST:
        raise ValueError(f"a frame of {length} bytes")
    frame = json.loads(_exactly(connection, length, deadline))
    return dict(frame)


def _exactly(connection: socket.socket, count: int, deadline: float) -> bytes:
    data = bytearray()
    while len(data) < count:
        left = deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        connection.settimeout(left)
        part = connection.recv(count - len(data))
        if not part:
            raise ConnectionError("the connection ended")
        data += part
    return bytes(data)
