"""Races of what there is one of for the installation, or so many of for a person: each waits for the one before."""

from functools import partial
from typing import Any

import pytest
from django.http import QueryDict

from licensemgr.core import signing_keys
from licensemgr.core.models import SigningKey
from licensemgr.portal.lists import LISTS
from organizations.errors import TooManyViews
from organizations.lists import MOST_VIEWS, save_view
from organizations.models import Organization, SavedView, User
from tests.concurrency.racing import Gate, at_once, take_the_locks_out

pytestmark = pytest.mark.django_db(transaction=True)


class TestRotatingTheSigningKey:
    def test_without_the_lock_two_make_a_current_key(self, monkeypatch: pytest.MonkeyPatch) -> None:
        signing_keys.rotate()
        # The installation has its id, and no key: nothing is written before the two meet.
        SigningKey.objects.all().delete()
        take_the_locks_out(monkeypatch)
        opened = Gate(monkeypatch, signing_keys, "_open", waits_for=2)
        results = at_once([signing_keys.rotate] * 2)
        assert opened.passed == 2
        # The constraint on states, or SQLite's write lock, lets one through.
        assert sum(isinstance(result, SigningKey) for result in results) == 1

    def test_rotated_four_times_at_once_each_follows_the_one_before(self) -> None:
        results = at_once([signing_keys.rotate] * 4)
        assert all(isinstance(result, SigningKey) for result in results), results
        states = list(SigningKey.objects.order_by("pk").values_list("state", flat=True))
        assert states == ["former"] * 3 + ["current", "next"]


def test_the_last_place_for_a_view_is_taken_once(organization: Organization, administrator: User) -> None:
    def saving(name: str) -> Any:
        return partial(
            save_view,
            organization=organization,
            user=administrator,
            kind=LISTS["history"].kind,
            subject="",
            name=name,
            query=QueryDict("q=x"),
        )

    for number in range(MOST_VIEWS - 1):
        saving(f"View {number}")()
    results = at_once([saving(f"Last {number}") for number in range(8)])
    assert sum(isinstance(result, TooManyViews) for result in results) == 7
    assert SavedView.objects.count() == MOST_VIEWS
