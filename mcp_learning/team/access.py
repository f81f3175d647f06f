"""The parameters for connecting to the team's store. No message shows the address."""

import ipaddress
from dataclasses import dataclass, field
from pathlib import Path

from mcp_learning import environment
from mcp_learning.errors import ConfigurationError
from mcp_learning.models.team import NO_TEAM
from mcp_learning.settings import Settings

URL = f"{environment.PREFIX}TEAM_URL"

CONNECT_SECONDS = 2
"""Seconds within which a server has to answer; libpq takes whole seconds, and 2 at least."""

_SAFE = "verify-full"
_SAFE_ROOTS = "system"


@dataclass(frozen=True)
class Access:
    """A team's store.

    Attributes:
        team: Name of the team.
        parameters: libpq's connection parameters by name; they may have a password.
        servers: Number of servers that are named, of which one accepts writes.
    """

    team: str
    parameters: dict[str, str | int] = field(repr=False)
    servers: int = 1


def access(settings: Settings) -> Access:
    """The team's store of these settings; imports psycopg. Blocks, since it reads files.

    Raises:
        ConfigurationError: psycopg is missing, or the address can't be read or isn't safe.
    """
    if not settings.shares:
        raise ConfigurationError(NO_TEAM)
    try:
        from psycopg import ProgrammingError, conninfo, pq
    except ImportError as error:
        raise ConfigurationError(
            "a team's store needs more of this package: pip install 'mcp-learning[team]'"
        ) from error
    try:
        given = conninfo.conninfo_to_dict(_address(settings))
    except ProgrammingError:  # its message contains the address
        raise ConfigurationError(
            f"{URL}: can't be read; write postgresql://role@host/database"
        ) from None
    known = {
        one.keyword.decode(): one.val.decode()
        for one in pq.Conninfo.get_defaults()
        if one.val is not None
    }
    parameters = {name: value for name, value in given.items() if value is not None}
    hosts = _hosts(parameters, known)
    return Access(settings.team, _complete(parameters, known, hosts), len(hosts))


def _address(settings: Settings) -> str:
    if settings.team_url is None:
        return ""  # libpq reads PGSERVICE itself
    text = settings.team_url.get_secret_value().strip()
    if not text.startswith(("/", "~", "file:")):
        return text
    try:
        path = environment.path_of(text.removeprefix("file://").removeprefix("file:"))
        return Path(path).read_text(encoding="utf-8").strip()
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not a path"
        raise ConfigurationError(f"{URL}: the file that it names can't be read: {why}") from None


def _hosts(given: dict[str, str | int], known: dict[str, str]) -> list[str]:
    """The hosts of the address, or else of libpq's variables; at least one."""
    hosts = str(given.get("hostaddr") or given.get("host") or known.get("host") or "")
    if "service" in given and not hosts:
        hosts = "(of a service)"
    return hosts.split(",")


def _complete(
    given: dict[str, str | int], known: dict[str, str], hosts: list[str]
) -> dict[str, str | int]:
    """The parameters with timeouts and TLS.

    Args:
        given: Parameters of the address.
        known: Parameters of libpq's variables, the service that they name, and libpq's defaults.
        hosts: The hosts to connect to.

    Raises:
        ConfigurationError: The address asks for a weaker sslmode than is needed.
    """
    made: dict[str, str | int] = {
        "connect_timeout": CONNECT_SECONDS,
        "tcp_user_timeout": 1_000 * CONNECT_SECONDS,
        "target_session_attrs": "read-write",
        "application_name": "mcp-learning",
        **given,
    }
    if all(map(_is_here, hosts)):
        return made
    usual = known.get("sslmode")
    mode = given.get("sslmode") or (None if usual == "prefer" else usual)  # libpq's default
    if mode not in (None, _SAFE):
        raise ConfigurationError(
            f"{URL}: sslmode={mode} doesn't prove which server answers; write sslmode={_SAFE}, "
            "and sslrootcert=FILE if its certificate is from your own authority"
        )
    made["sslmode"] = _SAFE
    if "sslrootcert" not in given and not known.get("sslrootcert"):
        own = Path("~/.postgresql/root.crt").expanduser()
        if not own.exists():
            made["sslrootcert"] = _SAFE_ROOTS
    return made


def _is_here(host: str) -> bool:
    """Whether a host is this machine: empty, a socket's directory, or a loopback address."""
    host = host.strip().lower()
    if not host or host.startswith(("/", "@")) or host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
