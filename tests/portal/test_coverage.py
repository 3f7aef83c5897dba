"""The page of all products' coverage: products × years, and its empty states."""

from datetime import date

import pytest
from django.test import Client

from organizations.models import Organization
from tests.factories import Books
from tests.pictures import coverage_numbers

pytestmark = pytest.mark.django_db
START = date(2027, 3, 1)
URL = "/o/harbour/coverage/"


def test_it_says_that_nothing_is_registered_or_started(viewer_client: Client, books: Books) -> None:
    assert "No product is registered yet" in viewer_client.get(URL).content.decode()
    books.report(START, core=3)
    text = viewer_client.get(URL).content.decode()
    assert "No subscription has been started" in text
    assert "Without a subscription" in text
    assert "pic-coverage" not in text


def test_each_started_product_has_a_row_of_six_years(viewer_client: Client, books: Books) -> None:
    books.report(START, core=3, universal=1)
    books.start(START)
    books.redeem(START, core=5)
    books.report(START, product="audio-manager", system="Audio", audio=2)
    text = viewer_client.get(URL).content.decode()
    assert text.count('class="pic pic-coverage"') == 1
    found = coverage_numbers(text)
    assert list(found) == ["Camera Station"]
    # 3 core and 1 universal are needed; 5 core in the wallet cover a year and two thirds, use by 29 February 2032.
    assert found["Camera Station"] == [
        (4, 0, 4, 3, 1, 0),
        (4, 0, 4, 2, 2, 0),
        (4, 0, 4, 0, 4, 0),
        (4, 0, 4, 0, 4, 0),
        (4, 0, 4, 0, 4, 5),
        (4, 0, 4, 0, 4, 0),
    ]
    assert "19 licenses to buy" in text
    assert "Audio Manager" in text


def test_hidden_products_are_left_out(viewer_client: Client, books: Books, organization: Organization) -> None:
    books.report(START, core=3)
    books.start(START)
    organization.registered_products.update(hidden_on=START)
    assert "Camera Station" not in viewer_client.get(URL).content.decode()


def test_the_product_list_leads_to_it(viewer_client: Client, books: Books) -> None:
    books.report(START, core=3)
    assert f'href="{URL}"' in viewer_client.get("/o/harbour/").content.decode()
