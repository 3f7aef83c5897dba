"""From an entry of History to the page on which it is taken back: for whom, while it can be (R31, R33, R34)."""

import re
from datetime import date
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from history.models import Action
from history.record import record
from organizations.models import Organization
from tests.conftest import FrozenClock
from tests.factories import Books
from wallet.models import Policy
from wallet.services import undo_redemption

pytestmark = pytest.mark.django_db
START = date(2027, 3, 1)


@pytest.fixture
def lived(books: Books) -> Books:
    """3 core devices; two redemptions, and three years allocated by two confirmations."""
    books.report(START, core=3)
    books.start(START)
    books.redeem(START, core=9)
    books.allocate(START, {"core": 3})
    books.allocate(START, {}, {"core": 3}, {"core": 3})
    books.redeem(START, core=5)
    return books


def links(client: Client, organization: Organization, **asked: Any) -> list[tuple[str, str]]:
    """The links of the entries, the newest first: whither, and their words."""
    text = client.get(reverse("history", args=[organization.slug]), asked).content.decode()
    return re.findall(r'<a href="(/o/[^"]*(?:undo|release)/)">([^<]*)</a>', text)


def undo_page(organization: Organization, transfer: int) -> str:
    """The page on which a redemption is undone."""
    return reverse("undo_redemption", args=[organization.slug, "camera-station", transfer])


def release_page(organization: Organization, number: int) -> str:
    """The page on which a year is released."""
    return reverse("release_year", args=[organization.slug, "camera-station", number])


def test_each_role_gets_the_links_that_it_may_follow(
    lived: Books,
    administrator_client: Client,
    manager_client: Client,
    viewer_client: Client,
    organization: Organization,
) -> None:
    release = (release_page(organization, 2), "Release this year")
    undo = [(undo_page(organization, number), "Undo redemption") for number in (4, 1)]
    # Transfers: 1 redeemed, 2 and 3 allocated, 4 redeemed. The first redemption is allocated in part; its page says so.
    assert links(administrator_client, organization) == [undo[0], release, undo[1]]
    assert links(manager_client, organization) == [release]
    assert links(viewer_client, organization) == []
    for url, _label in links(administrator_client, organization):
        assert administrator_client.get(url).status_code in (200, 422)


def test_what_was_taken_back_already_has_no_link(
    lived: Books, administrator_client: Client, organization: Organization
) -> None:
    undo_redemption(redemption=organization.redemptions.order_by("-pk")[0], actor=None, on=START)
    lived.release(START, 2)
    # The same confirmation allocated the year that can be released now.
    release, undo = release_page(organization, 1), undo_page(organization, 1)
    assert [url for url, _label in links(administrator_client, organization)] == [release, undo]
    lived.release(START, 1)
    assert [url for url, _label in links(administrator_client, organization)] == [undo]
    lived.allocate(START, {}, {"core": 3})
    # The new allocation can be released, not the one that was before.
    assert [url for url, _label in links(administrator_client, organization)] == [release, undo]


def test_when_the_days_are_over_or_staff_switched_it_off_there_is_none(
    lived: Books, administrator_client: Client, organization: Organization, frozen_clock: FrozenClock
) -> None:
    frozen_clock.move_to(date(2027, 3, 8))
    assert len(links(administrator_client, organization)) == 3
    frozen_clock.move_to(date(2027, 3, 9))
    assert links(administrator_client, organization) == [(release_page(organization, 2), "Release this year")]
    frozen_clock.move_to(date(2029, 3, 1))
    assert links(administrator_client, organization) == []
    frozen_clock.move_to(START)
    Policy.objects.create(pk=1, undo_is_on=False, release_is_on=False)
    assert links(administrator_client, organization) == []


def test_entries_that_name_no_transfer_have_no_link_and_break_nothing(
    lived: Books, administrator_client: Client, organization: Organization
) -> None:
    product = lived.products["camera-station"]
    broken: list[dict[str, Any]] = [{}, {"transfer": None}, {"transfer": "1"}, {"years": None}, {"years": [1, {}]}]
    for payload in broken:
        for action in (Action.KEY_REDEEMED, Action.LICENSES_ALLOCATED):
            record(organization=organization, action=action, actor=None, on=START, product=product, **payload)
            record(organization=organization, action=action, actor=None, on=START, **payload)
    assert len(links(administrator_client, organization)) == 3


def test_the_number_of_queries_does_not_grow_with_the_entries(
    lived: Books, administrator_client: Client, organization: Organization, django_assert_max_num_queries: Any
) -> None:
    for _time in range(20):
        lived.redeem(START, core=1)
    with django_assert_max_num_queries(28):
        assert len(links(administrator_client, organization)) == 23
