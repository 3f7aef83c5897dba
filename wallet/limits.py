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

A try takes a numbered place (core/places.py) before the key is looked up, and gives it back unless the key was unknown. So
parallel tries can't exceed a limit at all. What they can do is refuse each other for a moment: more than N tries of one person
at the same instant, right ones among them.

Each place is free again one hour after it was taken, so the window slides. A cache that is emptied forgets the tries.
"""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from django.conf import settings

from licensemgr.core.errors import Refused
from licensemgr.core.places import Places, client_address, counted_address, give_back
from organizations.access import OrganizationRequest
from wallet.errors import KeyUnknown, TooManyTries

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
        address=client_address(request),
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
        give_back(*taken)
        raise
    give_back(*taken)


def _take_places(trier: Trier, secret: Secret) -> list[str]:
    person = tries_per_person()
    organization = Places(f"{secret.name}-tries:organization:{trier.organization_id}", SHARED_FACTOR * person)
    taken: list[str] = []
    place = organization.take()
    if place is None:
        person = max(1, person // SLOWED_DIVISOR)
    else:
        taken.append(place)
    for places in (
        Places(f"{secret.name}-tries:person:{trier.person_id}", person),
        Places(f"{secret.name}-tries:address:{counted_address(trier.address)}", SHARED_FACTOR * tries_per_person()),
    ):
        place = places.take()
        if place is None:
            give_back(*taken)
            raise secret.too_many(places.minutes_until_free())
        taken.append(place)
    return taken
