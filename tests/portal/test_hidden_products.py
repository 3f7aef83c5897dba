"""Products with nothing in them can be left out of the Product list, and come back by themselves (R31, R35)."""

from datetime import date
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from history.models import Action, Record
from licensemgr.portal import hiding
from licensemgr.portal.hiding import ProductInUse, hide_product
from organizations.models import Organization
from tests.factories import Books

pytestmark = pytest.mark.django_db
START = date(2027, 3, 1)
PRODUCT = "camera-station"


def url(name: str, *arguments: Any) -> str:
    """The address of a page of ``organization``."""
    return reverse(name, args=["harbour", *arguments])


def hide(books: Books, on: date = START) -> None:
    """Hide Camera Station through the service."""
    hide_product(registered_product=books.registered(), actor=None, on=on)


@pytest.fixture
def empty(books: Books) -> Books:
    """Camera Station is registered, and its only system was removed."""
    books.report(START, core=1)
    books.remove(START)
    return books


def test_it_is_hidden_and_shown_again(empty: Books, manager_client: Client) -> None:
    assert "Hide products with nothing in them" in manager_client.get(url("product_list")).content.decode()
    for _time in range(2):
        answer = manager_client.post(url("hide_product", PRODUCT), follow=True)
        assert "Camera Station is hidden." in answer.content.decode()
    page = manager_client.get(url("product_list")).content.decode()
    assert "1 hidden product" in page
    assert url("product_overview", PRODUCT) not in page
    assert "No product is registered yet" in manager_client.get("/").content.decode()
    # Its books stay: the page itself, and what was recorded.
    assert manager_client.get(url("product_overview", PRODUCT)).status_code == 200
    for _time in range(2):
        manager_client.post(url("show_product", PRODUCT))
    assert url("product_overview", PRODUCT) in manager_client.get(url("product_list")).content.decode()
    actions = Record.objects.order_by("sequence").values_list("action", flat=True)
    assert list(actions)[-2:] == [Action.PRODUCT_HIDDEN, Action.PRODUCT_SHOWN]


def test_a_viewer_sees_what_is_hidden_and_changes_nothing(empty: Books, viewer_client: Client) -> None:
    assert "Hide products" not in viewer_client.get(url("product_list")).content.decode()
    assert viewer_client.post(url("hide_product", PRODUCT)).status_code == 403
    hide(empty)
    page = viewer_client.get(url("hidden_products")).content.decode()
    assert "hidden on March 1, 2027" in page
    assert "Show again" not in page


def test_a_link_hides_and_shows_nothing(empty: Books, manager_client: Client) -> None:
    for name in ("hide_product", "show_product"):
        assert manager_client.get(url(name, PRODUCT)).status_code == 405


class TestWhatIsInUse:
    def test_a_system_keeps_it_on_the_list(self, books: Books, manager_client: Client) -> None:
        books.report(START, core=0)
        answer = manager_client.post(url("hide_product", PRODUCT))
        assert answer.status_code == 422
        assert "has systems, hardware or licenses, so it stays" in answer.content.decode()
        assert "Remove its systems first; licenses have to be used" in answer.content.decode()

    @pytest.mark.parametrize("kind", ["subscription", "hardware"])
    def test_so_does_a_license_in_the_wallet_until_it_expires(self, empty: Books, kind: str) -> None:
        empty.redeem(START, kind=kind, core=1)
        with pytest.raises(ProductInUse):
            hide(empty)
        with pytest.raises(ProductInUse):
            hide(empty, date(2032, 2, 29))
        hide(empty, date(2032, 3, 1))

    def test_so_does_a_license_allocated_to_the_current_year_or_a_coming_one_and_none_of_a_past_year(
        self, books: Books
    ) -> None:
        books.report(START, core=1)
        books.start(START)
        books.redeem(START, core=2)
        books.allocate(START, {"core": 1}, {"core": 1})
        books.remove(START)
        for on in (START, date(2028, 3, 1), date(2029, 2, 28)):
            with pytest.raises(ProductInUse):
                hide(books, on)
        hide(books, date(2029, 3, 1))
        books.settle(date(2030, 3, 1))
        assert books.registered().hidden_on == date(2029, 3, 1)

    def test_so_does_a_hardware_unit_that_holds_no_licenses_until_it_is_retired(self, books: Books) -> None:
        unit = books.unit(START, "BARE")
        with pytest.raises(ProductInUse, match="retire its hardware units first"):
            hide(books)
        books.retire(START, unit)
        hide(books)


class TestShownByItself:
    def test_when_a_system_is_registered(self, empty: Books) -> None:
        hide(empty)
        empty.report(START, product="audio-manager", system="Audio", audio=1)
        assert empty.registered().hidden_on == START
        empty.report(START, core=1)
        assert empty.registered().hidden_on is None
        record = Record.objects.filter(action=Action.PRODUCT_SHOWN).get()
        assert (record.actor, record.product) == (None, empty.products[PRODUCT])

    def test_when_a_key_is_redeemed(self, empty: Books) -> None:
        hide(empty)
        empty.redeem(START, core=1)
        assert empty.registered().hidden_on is None

    @pytest.mark.parametrize("preloaded", [{}, {"core": 2}])
    def test_when_a_hardware_unit_is_registered(self, empty: Books, preloaded: dict[str, Any]) -> None:
        hide(empty)
        empty.unit(START, "SN-1", **preloaded)
        assert empty.registered().hidden_on is None

    def test_a_change_costs_one_query_while_nothing_is_hidden(
        self, books: Books, organization: Organization, django_assert_num_queries: Any
    ) -> None:
        books.report(START, core=1)
        with django_assert_num_queries(1):
            hiding.show_what_is_used(organization, START)


def test_a_product_of_another_organization_is_none_here(
    empty: Books, outsider_client: Client, other_organization: Organization
) -> None:
    for name in ("hide_product", "show_product"):
        assert outsider_client.post(reverse(name, args=["other", PRODUCT])).status_code == 404
    assert empty.registered().hidden_on is None
