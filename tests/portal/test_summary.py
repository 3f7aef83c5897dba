"""The sentence above the Product list: how the products stand, and what to do next."""

import re
from datetime import date

import pytest
from django.test import Client

from licensemgr.portal.queries import product_rows
from licensemgr.portal.summary import Summary, summarize
from organizations.models import Organization
from tests.conftest import FrozenClock
from tests.factories import Books

pytestmark = pytest.mark.django_db
START = date(2027, 3, 1)


def summary(organization: Organization, on: date) -> Summary:
    found = summarize(product_rows(organization, on))
    assert found is not None
    return found


def test_without_products_there_is_none(organization: Organization) -> None:
    assert summarize(product_rows(organization, START)) is None


def test_it_is_about_the_next_date_where_no_product_wants_attention(books: Books, organization: Organization) -> None:
    books.report(START, core=10)
    books.start(START)
    books.report(START, product="audio-manager", system="Loudspeakers", audio=40)
    found = summary(organization, START)
    assert found.title == "No product needs attention now"
    assert found.sentence.startswith("Camera Station: Buy and redeem 10 more licenses")
    assert found.step.by == date(2027, 3, 31)
    assert found.next_dated is not None and found.next_dated.upcoming.on == date(2027, 3, 31)


def test_it_is_about_the_most_urgent_product_that_wants_attention(
    books: Books, organization: Organization, frozen_clock: FrozenClock
) -> None:
    books.report(START, core=10)
    books.start(START)
    books.report(START, product="audio-manager", system="Loudspeakers", audio=40)
    later = date(2027, 5, 1)
    frozen_clock.move_to(later)
    books.start(later, product="audio-manager")
    found = summary(organization, later)
    assert found.title == "1 product needs attention"
    assert found.product.name == "Camera Station" and found.step.tone == "danger"
    # The other one has the earlier date.
    assert found.next_dated is not None and found.next_dated.name == "Audio Manager"


def test_it_says_how_to_start_where_nothing_has_a_date(books: Books, organization: Organization) -> None:
    books.report(START, product="audio-manager", system="Loudspeakers", audio=40)
    found = summary(organization, START)
    assert found.sentence.startswith("Audio Manager: Start your subscription") and found.next_dated is None


def test_the_page_begins_with_it_and_leads_to_the_product(manager_client: Client, books: Books) -> None:
    books.report(START, core=10)
    books.start(START)
    page = manager_client.get("/o/harbour/").content.decode()
    assert "Next date: March 31, 2027, Camera Station (Grace period ends)." in page
    step = re.search(r'<section class="next-step.*?</section>', page, re.S)
    assert (
        step and 'href="/o/harbour/products/camera-station/"' in step[0] and "No product needs attention now" in step[0]
    )
    assert page.index("next-step") < page.index("product-search")
