"""Serves over Streamable HTTP: remote clients, or many clients with one long-lived process.

Host and Origin are checked against requests from other sites' pages. Outside of the loopback
interface a client has to send a bearer token; of a generated one only the hash is stored.
"""

import gc
import hashlib
import hmac
import ipaddress
import os
import secrets
import socket
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from starlette.types import ASGIApp, Receive, Scope, Send

from mcp_learning.cluster.member import ClusterMember
from mcp_learning.errors import ConfigurationError
from mcp_learning.server.host_check import HostCheck, is_authority, refuse
from mcp_learning.server.signals import leave_at_once
from mcp_learning.settings import Settings
from mcp_learning.store.duckdb.files import make_private
from mcp_learning.team.members import service_of

PATH = "/mcp"

MAX_BODY = 2**20
"""Most bytes of a request. The longest record_execution takes 0.6 MiB, every character escaped."""

GRACE_SECONDS = 2
"""How long requests in progress may take at shutdown."""

MOST_SESSIONS = 2_000
"""Most sessions of clients; each is kept for half an hour after its last request."""

DIGEST_FILE = "http-token.sha256"

LOOPBACK_NAMES = ("127.0.0.1", "localhost", "[::1]")


@dataclass(frozen=True)
class Place:
    """Where to listen: a name or address without brackets, and a port (0: any free one)."""

    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> "Place":
        """Reads HOST:PORT, [ADDRESS]:PORT, or PORT alone, which means the loopback interface.

        Raises:
            ConfigurationError: The text has none of these forms.
        """
        host, colon, port = text.rpartition(":")
        host = host.removeprefix("[").removesuffix("]") if colon else LOOPBACK_NAMES[0]
        if not host or not port.isascii() or not port.isdecimal() or int(port) > 65_535:
            raise ConfigurationError(
                f"--http {text}: give HOST:PORT, such as 127.0.0.1:8000, with a port up to 65535"
            )
        return cls(host, int(port))

    @property
    def is_loopback(self) -> bool:
        """Whether only processes of this machine can connect."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"

    @property
    def name(self) -> str:
        """The host as it stands in a URL."""
        return f"[{self.host}]" if ":" in self.host else self.host


class BearerAuth:
    """ASGI middleware that answers requests without the bearer token with 401.

    `digest` is the SHA-256 of the token, in hexadecimal digits.
    """

    def __init__(self, application: ASGIApp, digest: str) -> None:
        self._application = application
        self._digest = digest

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers a request with 401, or passes it on."""
        if scope["type"] != "http" or self._admits(scope["headers"]):
            await self._application(scope, receive, send)
            return
        text = "a bearer token is required: Authorization: Bearer TOKEN"
        await refuse(send, 401, text, (b"www-authenticate", b"Bearer"))

    def _admits(self, headers: Sequence[tuple[bytes, bytes]]) -> bool:
        given = [value for name, value in headers if name.lower() == b"authorization"]
        if len(given) != 1 or given[0][:7].lower() != b"bearer ":
            return False
        return hmac.compare_digest(digest_of(given[0][7:].strip()), self._digest)


def digest_of(token: bytes) -> str:
    """SHA-256 in hexadecimal digits; sufficient for a token of 256 random bits."""
    return hashlib.sha256(token).hexdigest()


def required_digest(settings: Settings, place: Place, *, renew: bool) -> tuple[str | None, str]:
    """The digest of the token that clients have to send. Stores nothing.

    A token in the settings is always required. Otherwise one is required outside of the loopback
    interface: the stored one, or a new one if there is none or `renew` is set.

    Returns:
        The token's digest, or None if none is required; and a newly generated token, or "".

    Raises:
        ConfigurationError: The stored digest can't be read.
    """
    if settings.http_token is not None:
        return digest_of(settings.http_token.get_secret_value().encode()), ""
    if place.is_loopback and not renew:
        return None, ""
    file = settings.data_dir / DIGEST_FILE
    try:
        if not renew and file.exists():
            return file.read_text(encoding="ascii").strip(), ""
    except (OSError, ValueError) as error:
        raise _unusable(file) from error
    token = secrets.token_urlsafe(32)
    return digest_of(token.encode()), token


def keep_digest(settings: Settings, digest: str) -> None:
    """Stores the digest of a new token, replacing the earlier one.

    Raises:
        ConfigurationError: It can't be written.
        StoreError: The data directory can't be made.
    """
    make_private(settings.data_dir)
    file = settings.data_dir / DIGEST_FILE
    try:
        file.unlink(missing_ok=True)
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as kept:
            kept.write(digest + "\n")
    except OSError as error:
        raise _unusable(file) from error


def _unusable(file: Path) -> ConfigurationError:
    return ConfigurationError(
        f"{file} can't be read or written; fix or remove it, or set MCP_LEARNING_HTTP_TOKEN"
    )


def own_names(place: Place) -> list[str]:
    """Host names that are accepted with any port, or none.

    Names from DNS aren't among them, since anybody's DNS may point here.
    """
    names = [*LOOPBACK_NAMES, place.name]
    return names if place.is_loopback else [*names, socket.gethostname()]


def serve(
    settings: Settings,
    place: Place,
    *,
    read_only: bool = False,
    hosts: Sequence[str] = (),
    renew_token: bool = False,
) -> None:
    """Serves any number of clients until a signal ends it. Does not return.

    `hosts` are further accepted values of the Host header, e.g. `db.example.org:8000`. With
    `renew_token`, a new token is generated, and the earlier one is no longer accepted.

    Raises:
        ConfigurationError: The port is in use, a host is no name, or the token's digest can't be
            stored.
        StoreError: The data directory can't be made.
    """
    leave_at_once()
    for host in hosts:
        if not is_authority(host):
            raise ConfigurationError(f"--allow-host {host}: give NAME or NAME:PORT")
    listener = listen(place, f"--http {place.name}:{place.port}")
    digest, token = required_digest(settings, place, renew=renew_token)
    member = ClusterMember(settings, service=service_of(settings))
    member.prepare()

    from mcp.server.transport_security import TransportSecuritySettings

    from mcp_learning.server.app import LearningServer
    from mcp_learning.server.connections import BoundedServer
    from mcp_learning.server.posted_messages import PostedMessages
    from mcp_learning.server.service_runner import ServiceRunner

    application: ASGIApp = LearningServer(
        ServiceRunner(member), read_only=read_only
    ).streamable_http_app(
        streamable_http_path=PATH,
        max_request_body_size=2 * MAX_BODY,  # PostedMessages has the limit
        max_sessions=MOST_SESSIONS,
        transport_security=TransportSecuritySettings(enable_dns_rebinding_protection=False),
    )
    application = PostedMessages(_unresumed(application), largest=MAX_BODY)
    if digest is not None:
        application = BearerAuth(application, digest)
    application = HostCheck(
        application,
        names=own_names(place),
        exact=hosts,
        remedy="; to allow it, start the server with --allow-host and the value of the Host header",
    )
    server = BoundedServer(application, GRACE_SECONDS)
    if digest is not None and token:
        keep_digest(settings, digest)
    gc.freeze()
    _announce(place, listener.getsockname()[1], token)
    server.serve_until_signal(listener)


def _unresumed(application: ASGIApp) -> ASGIApp:
    """ASGI middleware that leaves out Last-Event-ID, so that each stream is a new one.

    Events have no ids here, and the SDK doesn't answer a request to resume without a store of them.
    """

    async def call(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            kept = [header for header in scope["headers"] if header[0] != b"last-event-id"]
            scope = {**scope, "headers": kept}
        await application(scope, receive, send)

    return call


def listen(place: Place, option: str) -> socket.socket:
    """Opens a listening socket; an error names `option`.

    Raises:
        ConfigurationError: The port is in use, or the address isn't one of this machine.
    """
    try:
        # asyncio disables Nagle's algorithm only if the socket names TCP as its protocol. With it,
        # each answer waits 40 ms for the client's delayed acknowledgement of the head.
        family, kind, protocol, _, address = socket.getaddrinfo(
            place.host, place.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
        if sys.platform != "win32":
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
    except OSError as error:
        raise ConfigurationError(
            f"{option}: can't listen there ({error.strerror}); give another host or port"
        ) from error
    listener.listen(128)
    return listener


def _announce(place: Place, port: int, token: str) -> None:
    """Prints the URL, and a new token for the only time, on stderr."""
    lines = [f"mcp-learning: serving http://{place.name}:{port}{PATH}"]
    if token:
        lines.append(
            f"mcp-learning: callers need this token, which is not shown again: {token}\n"
            "mcp-learning: as a header: Authorization: Bearer TOKEN; --new-token makes another"
        )
    print(*lines, sep="\n", file=sys.stderr, flush=True)  # noqa: T201 - for the person who starts it
