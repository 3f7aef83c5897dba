"""How long an answer takes for an address with and without an account: the two should not be told apart.

Run by ``make bench``; prints medians and asserts nothing, since times depend on the machine. That the work is the same,
query by query and hash by hash, is asserted in tests/organizations/test_accounts_enumeration.py.
"""

import random
import statistics
import time
from collections import defaultdict
from collections.abc import Callable

import pytest
from django.core.cache import cache
from django.test import Client
from pytest_django.fixtures import Settings

from tests.factories import UserFactory
from tests.organizations.account_pages import PASSWORD, Answer, sign_up

ROUNDS = 40
ADDRESSES = {"known": "known-one@example.com", "unknown": "nobody-is@example.com"}
ACTS: dict[str, Callable[[Client, str], Answer]] = {
    "sign-up": lambda client, address: sign_up(client, email=address),
    "sign-in": lambda client, address: client.post("/accounts/login/", {"login": address, "password": PASSWORD}),
    "reset": lambda client, address: client.post("/accounts/password/reset/", {"email": address}),
}


@pytest.mark.django_db
@pytest.mark.parametrize("name", ACTS)
def test_known_and_unknown_addresses(name: str, settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    """Print the medians in milliseconds, with passwords hashed as in production."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.PBKDF2PasswordHasher"]
    UserFactory.create(email=ADDRESSES["known"])
    taken: defaultdict[str, list[float]] = defaultdict(list)
    for _round in range(ROUNDS):
        # In turn and in either order, so that whatever else the machine does falls on both.
        for kind, address in random.sample(sorted(ADDRESSES.items()), k=2):
            cache.clear()
            client = Client()
            begun = time.perf_counter()
            assert ACTS[name](client, address).status_code in (302, 303, 422)
            taken[kind].append((time.perf_counter() - begun) * 1000)
    medians = ", ".join(f"{kind} {statistics.median(taken[kind]):.2f} ms" for kind in sorted(taken))
    spread = max(statistics.stdev(times) for times in taken.values())
    with capsys.disabled():
        print(f"\n{name}: {medians} (median of {ROUNDS}; standard deviation {spread:.2f} ms)")
