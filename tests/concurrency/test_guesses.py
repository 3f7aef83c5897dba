"""Keys guessed from 50 threads at once stay within the limit that `wallet/limits.py` documents (R21).

By default a sample of 320 guesses; with PROOF=1 in the environment 10,000. The guesses go through the portal's door, by
both buttons, from eight people of two organizations behind four addresses.
"""

import itertools
import logging
import os
import threading
import uuid
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import pytest
from django.conf import settings
from django.db import connection, connections
from django.db.models import Sum
from django.test import Client
from django.urls import reverse

from organizations.models import Role
from organizations.services import add_member
from tests.factories import Books, OrganizationFactory, UserFactory, register
from wallet import checking, keycode
from wallet.limits import SHARED_FACTOR, SLOWED_DIVISOR
from wallet.models import LicenseKey, RefusedTries

pytestmark = pytest.mark.django_db(transaction=True)
DAY = date(2027, 3, 1)
THREADS = 50
GUESSES = 10_000 if os.environ.get("PROOF") == "1" else 320


@dataclass
class Lookups:
    """Counts how often a key was looked up among those that were issued."""

    look: Callable[..., LicenseKey]
    count: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __call__(self, *args: Any) -> LicenseKey:
        with self._lock:
            self.count += 1
        return self.look(*args)


@pytest.fixture(autouse=True)
def _patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """SQLite lets the 50 wait for its one write lock in no order: on a busy machine some wait longer than usual."""
    if connection.vendor == "sqlite":
        monkeypatch.setitem(connection.settings_dict["OPTIONS"], "timeout", 300)


@pytest.fixture
def lookups(monkeypatch: pytest.MonkeyPatch) -> Lookups:
    """Both services that look keys up, counted together."""
    counted = Lookups(checking.known_key)
    monkeypatch.setattr("wallet.checking.known_key", counted)
    monkeypatch.setattr("wallet.services.known_key", counted)
    return counted


@pytest.fixture
def guessers(books: Books) -> list[tuple[dict[str, str], str, str]]:
    """Six people of one organization and two of another: their session, the organization's slug, their address."""
    other = OrganizationFactory.create()
    register(books.organization, books.products["camera-station"], on=DAY, core=1)
    register(other, books.products["camera-station"], on=DAY, system="Other", core=1)
    made = []
    for number in range(8):
        person = UserFactory.create()
        organization = books.organization if number < 6 else other
        add_member(organization=organization, user=person, role=Role.MANAGER, actor=None, on=DAY)
        client = Client()
        client.force_login(person, backend=settings.AUTHENTICATION_BACKENDS[0])
        cookies = {settings.SESSION_COOKIE_NAME: client.cookies[settings.SESSION_COOKIE_NAME].value}
        made.append((cookies, organization.slug, f"192.0.2.{number % 4}"))
    return made


def guess(guessers: list[tuple[dict[str, str], str, str]], count: int) -> Counter[int]:
    """Send ``count`` guesses from all threads; how often each status was answered."""
    numbers = itertools.count()
    answers: list[int] = []
    start = threading.Barrier(THREADS)

    def run() -> None:
        try:
            start.wait(timeout=60)
            while (number := next(numbers)) < count:
                cookies, slug, address = guessers[number % len(guessers)]
                client = Client(headers={"HX-Request": "true"})
                client.cookies.load(cookies)
                stem = ("check_license_key", "redeem_license_key")[number // len(guessers) % 2]
                response = client.post(
                    reverse(stem, args=[slug, "camera-station"]),
                    {"license_key": keycode.generate("subscription"), "form_token": str(uuid.uuid4())},
                    REMOTE_ADDR=address,
                )
                answers.append(429 if "Retry-After" in response else response.status_code)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run) for _number in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return Counter(answers)


@pytest.mark.slow
def test_guesses_from_50_threads_stay_within_the_limit(
    guessers: list[tuple[dict[str, str], str, str]], lookups: Lookups, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.ERROR, "django.request")
    tries = settings.LICENSE_KEY_TRIES_PER_HOUR
    answers = guess(guessers, GUESSES)
    looked_up = lookups.count
    print(f"{GUESSES} guesses from {THREADS} threads: {looked_up} looked up, {answers[429]} refused by the limit")

    assert answers == {422: looked_up, 429: GUESSES - looked_up}
    # Every guess is in the counts that staff see, however many were written at one moment.
    counted = RefusedTries.objects.aggregate(unknown=Sum("unknown"), limited=Sum("limited"))
    assert counted == {"unknown": looked_up, "limited": GUESSES - looked_up}

    def most(column: str) -> int:
        sums = RefusedTries.objects.values(column).annotate(found=Sum("unknown")).values_list("found", flat=True)
        return int(max(sums.order_by()))

    assert most("user") <= tries
    assert most("address") <= SHARED_FACTOR * tries
    # Beyond an organization's own limit each of its people has a quarter.
    assert most("organization") <= SHARED_FACTOR * tries + 6 * (tries // SLOWED_DIVISOR)
    # Nobody who guesses that long is refused before the limit is reached: two people alone in their organization had all.
    alone = RefusedTries.objects.filter(organization__slug=guessers[-1][1]).aggregate(found=Sum("unknown"))
    assert alone["found"] == 2 * tries
