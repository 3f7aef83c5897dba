"""Limits as numbered places: of any number of parallel callers no more pass than there are places.

A place is taken by the cache's ``add``, of which only one of any number of parallel callers succeeds (SET NX of Redis; a primary
key in the database cache). Counters are not used, as ``incr`` loses counts there. Each place is free again when its window is
over, so the window slides. A cache that is emptied forgets who took them.
"""

import ipaddress
import math
from dataclasses import dataclass
from datetime import timedelta

from allauth.account.adapter import get_adapter
from django.core.cache import cache
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest

from licensemgr.core import clock
from licensemgr.core.errors import Busy


@dataclass(frozen=True)
class Places:
    """The ``count`` numbered places of one limit, each taken for ``window`` of the machine's own clock."""

    name: str
    count: int
    window: timedelta = timedelta(hours=1)

    @property
    def keys(self) -> list[str]:
        return [f"{self.name}:{number}" for number in range(self.count)]

    def take(self) -> str | None:
        """Take a free place and return its key, to be given back by `give_back`; None when there is none."""
        until = (clock.real_now() + self.window).timestamp()
        occupied = cache.get_many(self.keys)
        for key in self.keys:
            if key not in occupied and cache.add(key, until, timeout=int(self.window.total_seconds())):
                return key
        return None

    def seconds_until_free(self) -> int:
        """The whole seconds, at least 1, after which a place is free again."""
        now = clock.real_now().timestamp()
        seconds = min((until - now for until in cache.get_many(self.keys).values()), default=0.0)
        return max(1, math.ceil(seconds))

    def minutes_until_free(self) -> int:
        """The whole minutes, at least 1, after which a place is free again."""
        return max(1, -(-self.seconds_until_free() // 60))


def add_once(key: str, value: object, *, timeout: int) -> bool:
    """Write something that nobody deletes into the cache; False where it is there already. Raises Busy."""
    if cache.add(key, value, timeout=timeout):
        return True
    if cache.get(key) is None:
        # The database cache says no, too, where the database did not take it: nobody else has it.
        raise Busy
    return False


def give_back(*taken: str) -> None:
    """Free places that were taken for something that does not count."""
    cache.delete_many(taken)


def client_address(request: HttpRequest) -> str:
    """The address from which a request comes, behind a trusted proxy the one that it names; empty where nobody names one."""
    try:
        return str(get_adapter(request).get_client_ip(request))
    except PermissionDenied:
        # No address at all (a socket without one, a proxy that names none): all such requests are counted together.
        return ""


def counted_address(address: str) -> str:
    """The address that is counted, at most 45 characters: of IPv6 the /64 network, as one subscriber has a whole one."""
    try:
        parsed = ipaddress.ip_address(address.split("%")[0])
    except ValueError:
        return "unknown"
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped is not None:
            return str(parsed.ipv4_mapped)
        return str(ipaddress.IPv6Network((parsed, 64), strict=False).network_address)
    return str(parsed)
