"""The map of Where to buy: its pins are those of the list, numbered as there."""

import re

import pytest
from django.test import Client

from licensemgr.portal.mapping import map_of
from products.geography import Position
from products.models import Reseller, ResellerKind
from products.resellers import Listed

pytestmark = pytest.mark.django_db
URL = "/where-to-buy/"


def sell(name: str, latitude: float | None, longitude: float | None, country: str = "SE") -> Reseller:
    return Reseller.objects.create(
        name=name, kind=ResellerKind.RESELLER, city="X", country=country, latitude=latitude, longitude=longitude
    )


def test_pins_have_the_numbers_of_the_list_and_neighbours_share_one() -> None:
    rows = [
        sell("Lund", 55.70, 13.19),
        sell("Nowhere", None, None),
        sell("Malmö", 55.60, 13.00),
        sell("Umeå", 63.83, 20.26),
    ]
    found = map_of([Listed(row, None) for row in rows], 26, Position(59.33, 18.07))
    assert found is not None
    # The first of the list lies on top.
    assert [(pin.text, pin.numbers) for pin in found.pins] == [("29", (29,)), ("26+", (26, 28))]
    assert found.place is not None
    assert not found.is_wide


def test_without_positions_there_is_no_map() -> None:
    assert map_of([], 1, None) is None
    assert map_of([Listed(sell("Nowhere", None, None), None)], 1, Position(1, 1)) is None


def test_the_page_shows_the_map_beside_the_list(anonymous_client: Client) -> None:
    near, far = sell("A <b>& Sons</b>", 55.70, 13.19), sell("Umeå", 63.83, 20.26)
    sell("Nowhere", None, None)
    text = anonymous_client.get(URL, {"country": "SE"}).content.decode()
    assert text.count('class="buy-map__pin"') == 2
    for number, reseller in ((1, near), (3, far)):
        assert f'id="place-{number}"' in text
        assert re.search(rf'class="buy-map__pin" href="{URL}{reseller.pk}/\?[^"]*"', text)
    assert "<b>" not in text
    assert 'aria-label="1, A &lt;b&gt;&amp; Sons&lt;/b&gt;"' in text
    assert 'style="' not in text
    assert "buy-map__ring" not in text
    assert "buy-map__ring" in anonymous_client.get(URL, {"country": "SE", "place": "Lund"}).content.decode()


def test_neighbours_lead_to_the_first_of_them_in_the_list(anonymous_client: Client) -> None:
    sell("Alpha", 55.70, 13.19), sell("Beta", 55.71, 13.20)
    text = anonymous_client.get(URL, {"country": "SE"}).content.decode()
    assert re.findall(r'class="buy-map__pin" href="([^"]*)"', text) == ["#place-1"]
    assert 'aria-label="1+, Alpha, Beta"' in text


def test_nobody_listed_has_no_map(anonymous_client: Client) -> None:
    assert "buy-map" not in anonymous_client.get(URL).content.decode()
