"""The protocol version of cluster members, and their timeouts."""

import sys
from typing import NamedTuple

from mcp_learning.cluster.blocking_client import PROTOCOL


class ClusterConfig(NamedTuple):
    """Settings of a cluster member that no user needs to change; times are in seconds.

    Attributes:
        protocol: Number of the protocol; a leader refuses followers that speak another.
        unix_sockets: Whether the leader listens on a Unix socket, or on a loopback port.
        leader_wait: How long a call waits for a leader, counted from when there was none.
        min_leader_wait: How long a call waits even if there has been no leader for longer.
        handshake_timeout: How long a leader may take to answer `hello`; it takes milliseconds.
        hello_timeout: How long a new connection may take to send `hello`.
        ping_interval: Silence during a call after which the follower pings the leader.
        max_missed_pings: Pings in a row without any frame in return after which the follower
            disconnects.
        lock_handover: How long a new leader retries when the database's own lock is still held:
            the kernel may free the leader lock of a process that died before that one.
        watchdog_interval: Time between two checks that the leader's event loop runs.
        max_missed_checks: Checks in a row that find no progress after which the process ends.
        file_check_interval: Time between two checks that the database and the leader lock are still
            the files at their paths, and that address and socket are there.
        max_replaced: How often a call is repeated because the database was replaced.
        first_pause: Time between the first two attempts to lead or follow; each is shortened by up
            to a half at random, so that processes don't try all at once.
        pause_growth: Factor by which the pauses grow.
        max_pause: The longest pause within `leader_wait`.
        max_idle_pause: The longest pause after it.
    """

    protocol: int = PROTOCOL
    unix_sockets: bool = sys.platform != "win32"
    leader_wait: float = 20.0
    min_leader_wait: float = 3.0
    handshake_timeout: float = 2.0
    hello_timeout: float = 5.0
    ping_interval: float = 1.0
    max_missed_pings: int = 5
    lock_handover: float = 3.0
    watchdog_interval: float = 1.0
    max_missed_checks: int = 10
    file_check_interval: float = 2.0
    max_replaced: int = 3
    first_pause: float = 0.02
    pause_growth: float = 1.5
    max_pause: float = 0.25
    max_idle_pause: float = 5.0
