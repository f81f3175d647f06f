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
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from dataclasses import dataclass
from typing import Any

from mcp_learning.cluster.member import ClusterMember
from mcp_learning.errors import ConfigurationError
from mcp_learning.server.signals import leave_at_once, leave_to_handlers
from mcp_learning.settings import Settings
from mcp_learning.store.duckdb.files import make_private

logger = logging.getLogger(__name__)

PATH = "/mcp"

MAX_BODY = 2**20
"""Bytes of a request. The longest record_execution takes 0.6 MiB, every character escaped."""

GRACE_SECONDS = 2
"""How long requests in flight may take at the end."""

LOOPBACK_NAMES = ("127.0.0.1", "localhost", "[::1]")

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Scope]]
Send = Callable[[Scope], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]


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

    def __init__(self, application: Application, digest: str) -> None:
        self._application = application
        self._digest = digest

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers a request with 401, or passes it on."""
        if scope["type"] != "http" or self._admits(scope["headers"]):
            await self._application(scope, receive, send)
            return
        headers = [(b"www-authenticate", b"Bearer"), (b"content-type", b"text/plain")]
        await send({"type": "http.response.start", "status": 401, "headers": headers})
        text = b"a bearer token is required: Authorization: Bearer TOKEN\n"
        await send({"type": "http.response.body", "body": text})

    def _admits(self, headers: Sequence[tuple[bytes, bytes]]) -> bool:
        given = [value for name, value in headers if name.lower() == b"authorization"]
        if len(given) != 1 or given[0][:7].lower() != b"bearer ":
            return False
        return hmac.compare_digest(digest_of(given[0][7:].strip()), self._digest)


def digest_of(token: bytes) -> str:
    """SHA-256 in hexadecimal digits. Enough for a token of 256 random bits."""
    return hashlib.sha256(token).hexdigest()


def required_digest(settings: Settings, place: Place, *, renew: bool) -> tuple[str | None, str]:
    """What callers have to prove, and the token itself where it was made just now.

    Args:
        settings: May supply the token; it is required then, wherever the server listens.
        place: Off the loopback interface a token is required: the one of before, or a new one.
        renew: Make a new one also if there is one.

    Returns:
        The token's digest, or None when none is required; and the new token, or "".

    Raises:
        ConfigurationError: The digest can't be kept.
        StoreError: The data directory can't be made.
    """
    if settings.http_token is not None:
        return digest_of(settings.http_token.get_secret_value().encode()), ""
    if place.is_loopback and not renew:
        return None, ""
    make_private(settings.data_dir)
    file = settings.data_dir / "http-token.sha256"
    try:
        if not renew and file.exists():
            return file.read_text(encoding="ascii").strip(), ""
        token = secrets.token_urlsafe(32)
        digest = digest_of(token.encode())
        file.unlink(missing_ok=True)
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as kept:
            kept.write(digest + "\n")
    except (OSError, ValueError) as error:
        raise ConfigurationError(
            f"{file} can't be read or written; mend or remove it, or set MCP_LEARNING_HTTP_TOKEN"
        ) from error
    return digest, token


def allowed_names(place: Place, more: Sequence[str]) -> list[str]:
    """Host headers that are served, each without a port or with any; `more` come as given.

    A name that is made to point here by somebody else's DNS is not among them.
    """
    names = [*LOOPBACK_NAMES, place.name]
    if not place.is_loopback:
        names.append(socket.gethostname())
    hosts = [form for name in dict.fromkeys(names) for form in (name, f"{name}:*")]
    return [*hosts, *more]


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
        ConfigurationError: The token can't be kept, or the place is taken.
        StoreError: The data directory can't be made.
    """
    leave_at_once()
    digest, token = required_digest(settings, place, renew=renew_token)
    listener = listen(place, f"--http {place.name}:{place.port}")
    member = ClusterMember(settings)
    member.prepare()

    import uvicorn
    from mcp.server.transport_security import TransportSecuritySettings

    from mcp_learning.server.app import LearningServer
    from mcp_learning.server.service_runner import ServiceRunner

    names = allowed_names(place, hosts)
    application: Application = LearningServer(
        ServiceRunner(member), read_only=read_only
    ).streamable_http_app(
        streamable_http_path=PATH,
        max_request_body_size=MAX_BODY,
        transport_security=TransportSecuritySettings(
            allowed_hosts=names,
            allowed_origins=[
                f"{scheme}://{name}" for scheme in ("http", "https") for name in names
            ],
        ),
    )
    if digest is not None:
        application = BearerAuth(application, digest)
    server = uvicorn.Server(
        uvicorn.Config(
            application,
            log_config=None,
            access_log=False,
            lifespan="on",
            timeout_graceful_shutdown=GRACE_SECONDS,
            server_header=False,
        )
    )
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
        family, kind, _, _, address = socket.getaddrinfo(
            place.host, place.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind)
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
