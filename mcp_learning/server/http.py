"""Serving over Streamable HTTP: for remote clients, and for a leader that outlives its agents.

Host and Origin are checked, against pages that a browser shows and that call a server on the same
machine. Off the loopback interface a caller has to know a bearer token; of one that was made here
only the hash is kept.
"""

import gc
import hashlib
import hmac
import ipaddress
import logging
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
from mcp_learning.server.host_check import HostCheck, refuse
from mcp_learning.server.signals import leave_at_once, leave_to_handlers
from mcp_learning.settings import Settings
from mcp_learning.store.duckdb.files import make_private
from mcp_learning.team.members import service_of

logger = logging.getLogger(__name__)

PATH = "/mcp"

MAX_BODY = 2**20
"""Bytes of a request. The longest record_execution takes 0.6 MiB, every character escaped."""

GRACE_SECONDS = 2
"""How long requests in flight may take at the end."""

MOST_SESSIONS = 2_000
"""Clients of which a session is kept, each for half an hour after its last request."""

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
            ConfigurationError: It is none of these.
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

    Args:
        application: What requests with the token are passed to.
        digest: SHA-256 of the token, in hexadecimal digits.
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
    """SHA-256 in hexadecimal digits. Enough for a token of 256 random bits."""
    return hashlib.sha256(token).hexdigest()


def required_digest(settings: Settings, place: Place, *, renew: bool) -> tuple[str | None, str]:
    """What callers have to prove, and the token itself where one is made now. Keeps neither.

    A token of the settings is required wherever the server listens. Else one is required off the
    loopback interface: the one of before, or a new one if there is none or it is to be renewed.

    Returns:
        The token's digest, or None when none is required; and the new token, or "".

    Raises:
        ConfigurationError: The kept digest can't be read.
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
    """Writes the digest of a new token, in place of that of the one before.

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
        f"{file} can't be read or written; mend or remove it, or set MCP_LEARNING_HTTP_TOKEN"
    )


def own_names(place: Place) -> list[str]:
    """Names of the host that are served with any port, or with none.

    A name that is made to point here by somebody else's DNS is not among them.
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

    Args:
        settings: As for stdio.
        place: Where to listen.
        read_only: Leave out every tool that writes.
        hosts: Further values of the Host header, e.g. `db.example.org:8000`.
        renew_token: Make a new token; the one of before is no longer accepted.

    Raises:
        ConfigurationError: The place is taken, or the token can't be kept.
        StoreError: The data directory can't be made.
    """
    leave_at_once()
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
    application = PostedMessages(application, largest=MAX_BODY)
    if digest is not None:
        application = BearerAuth(application, digest)
    application = HostCheck(application, names=own_names(place), exact=hosts)
    server = BoundedServer(application, GRACE_SECONDS)
    if digest is not None and token:
        keep_digest(settings, digest)
    gc.freeze()
    _announce(place, listener.getsockname()[1], token)
    leave_to_handlers()
    try:
        server.run(sockets=[listener])  # its end raises the signal again: status 0
    except Exception:
        logger.exception("the server failed")
    sys.stderr.flush()
    os._exit(0 if server.started else 1)


def listen(place: Place, option: str) -> socket.socket:
    """Opens a socket; `option` is what an error tells to change.

    Raises:
        ConfigurationError: The place is taken, or isn't here.
    """
    try:
        # asyncio turns Nagle's algorithm off where a socket names TCP as its protocol. With it,
        # each answer waits 40 ms for the client's delayed acknowledgement of its head.
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
    """Says where it listens, and the new token: on stderr, the only time that it is shown."""
    lines = [f"mcp-learning: serving http://{place.name}:{port}{PATH}"]
    if token:
        lines.append(
            f"mcp-learning: callers need this token, which is not shown again: {token}\n"
            "mcp-learning: as a header: Authorization: Bearer TOKEN; --new-token makes another"
        )
    print(*lines, sep="\n", file=sys.stderr, flush=True)  # noqa: T201 - for the person who starts it
