"""Product overview and starting a subscription, through the pages."""

from datetime import date, timedelta

import pytest
from django.test import Client

from subscriptions.models import Subscription, SubscriptionPeriod
from tests.conftest import FrozenClock
from tests.factories import Books

START = date(2027, 3, 1)
OVERVIEW = "/o/harbour/products/camera-station/"
START_PAGE = f"{OVERVIEW}start/"


@pytest.fixture(autouse=True)
def _registered(books: Books) -> None:
    books.report(START, core=10, universal=2)


def text_of(client: Client, url: str) -> str:
    response = client.get(url)
    assert response.status_code == 200
    return response.content.decode()


def test_it_offers_to_start_the_subscription(manager_client: Client) -> None:
    page = text_of(manager_client, OVERVIEW)
    assert "License status" in page
    assert "Start your subscription" in page
    assert f'href="{START_PAGE}"' in page
    assert "March 31, 2027, 30 days left" in page


def test_the_start_page_shows_the_dates_that_will_follow_and_changes_nothing(manager_client: Client) -> None:
    """R7, R9: the first start sets the dates for all, and grace ends 31 March 2027."""
    page = text_of(manager_client, START_PAGE)
    for words in (
        "Harbour Cameras",
        "no way of transferring licenses between organizations",
        "This is the first subscription of Harbour Cameras",
        "March 1, 2027 to Feb. 29, 2028",
        "March 31, 2027",
        "March 1, 2028",
        "Core device: 10, Universal device: 2",
    ):
        assert words in page
    assert not Subscription.objects.exists()


def test_a_later_product_is_told_that_it_joins_the_running_year(
    manager_client: Client, books: Books, frozen_clock: FrozenClock
) -> None:
    books.start(START)
    frozen_clock.move_to(date(2027, 9, 10))
    books.report(frozen_clock.today, product="audio-manager", system="Loudspeakers", audio=3)
    page = text_of(manager_client, "/o/harbour/products/audio-manager/start/")
    assert "joins the running subscription year" in page
    assert "Sept. 10, 2027" in page
    assert "Oct. 10, 2027" in page


def test_after_starting_the_status_reads_subscription_has_started(manager_client: Client) -> None:
    response = manager_client.post(START_PAGE)
    assert (response.status_code, response["Location"]) == (303, OVERVIEW)
    page = text_of(manager_client, OVERVIEW)
    assert "Subscription has started" in page
    assert "Grace period ends March 31, 2027, 30 days left." in page
    assert SubscriptionPeriod.objects.get().anchor_on == START


def test_a_double_click_starts_once_and_says_so(manager_client: Client) -> None:
    manager_client.post(START_PAGE)
    again = manager_client.post(START_PAGE, follow=True)
    assert again.redirect_chain == [(OVERVIEW, 303)]
    assert "The subscription was started on March 1, 2027" in again.content.decode()
    assert Subscription.objects.count() == 1
    opened = manager_client.get(START_PAGE)
    assert (opened.status_code, opened["Location"]) == (303, OVERVIEW)


def test_the_last_day_of_grace_and_the_day_after(manager_client: Client, frozen_clock: FrozenClock) -> None:
    manager_client.post(START_PAGE)
    frozen_clock.move_to(date(2027, 3, 31))
    assert "today is the last day" in text_of(manager_client, OVERVIEW)
    frozen_clock.move_to(date(2027, 3, 31) + timedelta(days=1))
    page = text_of(manager_client, OVERVIEW)
    assert "Not licensed" in page
    assert "The grace period ended March 31, 2027." in page
    assert "Coming back today costs 12 licenses" in page


def test_a_viewer_looks_and_does_not_start(viewer_client: Client) -> None:
    assert f'href="{START_PAGE}"' not in text_of(viewer_client, OVERVIEW)
    assert viewer_client.get(START_PAGE).status_code == 403
    assert viewer_client.post(START_PAGE).status_code == 403
    assert not Subscription.objects.exists()


def test_a_stranger_and_an_unknown_product_get_404(outsider_client: Client, manager_client: Client) -> None:
    for url in (OVERVIEW, START_PAGE):
        assert outsider_client.get(url).status_code == 404
        assert outsider_client.get(url.replace("/o/harbour/", "/o/other/")).status_code == 404
        assert manager_client.get(url.replace("camera-station", "audio-manager")).status_code == 404
    assert outsider_client.post(START_PAGE).status_code == 404


def test_htmx_gets_the_fragment(manager_client: Client) -> None:
    response = manager_client.get(OVERVIEW, headers={"HX-Request": "true"})
    assert "HX-Request" in response["Vary"]
    assert "<html" not in response.content.decode()
    assert 'id="overview"' in response.content.decode()


def test_the_day_on_which_the_allowance_is_passed_is_told_where_one_type_grows_as_another_shrinks(
    books: Books, manager_client: Client, frozen_clock: FrozenClock
) -> None:
    """R12: 10 of one type for 10 of another leave as many devices; yet only one of both is growth, and goes on."""
    books.report(START, core=20, universal=5)
    books.start(START)
    books.redeem(START, core=20, universal=5)
    books.allocate(START, {"core": 20, "universal": 5})
    changed = date(2027, 4, 1)
    books.report(changed, core=10, universal=15)
    frozen_clock.move_to(changed)
    text = manager_client.get(OVERVIEW).content.decode()
    assert "Since March 1, 2027 the devices have not become more together, but those of some license type have." in text
    # The growth is 10 of 25, and 10 more come in 31 days: 16 more in 50.
    assert "At this pace the growth allowance is passed on May 21, 2027." in text
