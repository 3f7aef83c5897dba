"""How often secrets can be tried wrongly: per person, per organization, per client address (R21, R24).

What is tried is a `Secret`: license keys here, owner authentication keys of hardware units in the app above. Each of them is
counted by itself. Redeeming a key and checking one count alike, and only an unknown one counts (`KeyUnknown`). A mistyped one
does not, since its check symbols tell it from any key that could exist; neither does a key that was redeemed here, was
revoked or is for another product, since it is known.

With N = ``settings.LICENSE_KEY_TRIES_PER_HOUR`` (20), within any sixty minutes of the machine's own clock:

* a person has N wrong tries, in whichever organizations they are made; then every try is refused,
* a client address (of IPv6 its /64 network) has 3 x N for all who share it; then every try from it is refused,
* an organization has 3 x N for all its people; after that each of them has N / 4 (at least 1) instead of N. So one
  person's wrong tries slow the others and never lock them out.

A try takes a numbered place before the key is looked up, and gives it back unless the key was unknown. A place is
taken by the cache's ``add``, of which only one of any number of parallel callers succeeds (SET NX of Redis; a primary
key in the database cache). Counters are not used, as ``incr`` loses counts there. So parallel tries can't exceed a
limit at all. What they can do is refuse each other for a moment: more than N tries of one person at the same instant,
right ones among them.

Each place is free again one hour after it was taken, so the window slides. A cache that is emptied forgets the tries.
"""

import contextlib
import ipaddress
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta

from allauth.account.adapter import get_adapter
from django.conf import settings
from django.core.cache import cache

from licensemgr.core import clock
from licensemgr.core.errors import Refused
from organizations.access import OrganizationRequest
from wallet.errors import KeyUnknown, TooManyTries

WINDOW = timedelta(hours=1)
# How many persons' tries an organization and an address have, and how far an organization's limit slows a person.
SHARED_FACTOR = 3
SLOWED_DIVISOR = 4


@dataclass(frozen=True)
class Trier:
    """Who tries a key: the person, the organization and the address from which it is tried."""

    person_id: int
    organization_id: int
    address: str


def trier_of(request: OrganizationRequest) -> Trier:
    """Who tries something by this request."""
    return Trier(
        person_id=request.user.pk,
        organization_id=request.organization.pk,
        address=get_adapter(request).get_client_ip(request),
    )


@dataclass(frozen=True)
class Secret:
    """Something that can be guessed: its name in the cache, the refusal that is a wrong try, and what is raised at the limit.

    ``too_many`` makes that refusal from the whole minutes after which another try is possible.
    """

    name: str
    wrong: type[Refused]
    too_many: Callable[[int], Refused]


LICENSE_KEY = Secret("license-key", KeyUnknown, TooManyTries)


def tries_per_person() -> int:
    """The wrong tries that a person has within an hour."""
    return int(settings.LICENSE_KEY_TRIES_PER_HOUR)


@contextlib.contextmanager
def counting_wrong_tries(trier: Trier, secret: Secret = LICENSE_KEY) -> Iterator[None]:
    """Within this a secret is tried: counted when its ``wrong`` refusal comes out of it, else not.

    Raises its ``too_many``, before anything is looked up, when the person or the address has no tries left.
    """
    taken = _take_places(trier, secret)
    try:
        yield
    except secret.wrong:
        raise
    except BaseException:
        cache.delete_many(taken)
        raise
    cache.delete_many(taken)


def _take_places(trier: Trier, secret: Secret) -> list[str]:
    person = tries_per_person()
    organization = _Places(secret.name, f"organization:{trier.organization_id}", SHARED_FACTOR * person)
    taken: list[str] = []
    place = organization.take()
    if place is None:
        person = max(1, person // SLOWED_DIVISOR)
    else:
        taken.append(place)
    for places in (
        _Places(secret.name, f"person:{trier.person_id}", person),
        _Places(secret.name, f"address:{counted_address(trier.address)}", SHARED_FACTOR * tries_per_person()),
    ):
        place = places.take()
        if place is None:
            cache.delete_many(taken)
            raise secret.too_many(places.minutes_until_free())
        taken.append(place)
    return taken


@dataclass(frozen=True)
class _Places:
    """The numbered places of one limit."""

    secret: str
    name: str
    count: int

    @property
    def keys(self) -> list[str]:
        return [f"{self.secret}-tries:{self.name}:{number}" for number in range(self.count)]

    def take(self) -> str | None:
        """Take a free place; None when there is none."""
        until = (clock.real_now() + WINDOW).timestamp()
        occupied = cache.get_many(self.keys)
        for key in self.keys:
            if key not in occupied and cache.add(key, until, timeout=int(WINDOW.total_seconds())):
                return key
        return None

    def minutes_until_free(self) -> int:
        """The whole minutes, at least 1, after which a place is free again."""
        now = clock.real_now().timestamp()
        seconds = min((until - now for until in cache.get_many(self.keys).values()), default=0.0)
        return max(1, -(-int(seconds) // 60))


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
