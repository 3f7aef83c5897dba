"""The picture of a wallet by use-by date, with numbers worked out by hand (R22)."""

from datetime import date
from itertools import pairwise

import pytest
from django.test import Client

from products.models import LicenseKind
from tests.conftest import FrozenClock
from tests.factories import Books
from wallet.pictures import PLOT_HEIGHT, PLOT_TOP, drawn_wallet
from wallet.queries import product_wallet

pytestmark = pytest.mark.django_db
START = date(2027, 3, 1)


def test_an_empty_wallet_has_no_picture(books: Books) -> None:
    books.report(START, core=1)
    assert drawn_wallet(product_wallet(books.registered(), START), START) is None


def test_bars_stand_at_the_quarter_of_the_last_day_of_use(books: Books) -> None:
    """Entered on 1 March and 2 April 2027: use by 29 February and 1 April 2032, the 21st and 22nd quarter from today's."""
    books.report(START, core=1)
    books.redeem(START, core=30, universal=10)
    books.redeem(START, kind=LicenseKind.HARDWARE, core=5)
    on = date(2027, 4, 2)
    books.redeem(on, core=2)
    drawn = drawn_wallet(product_wallet(books.registered(), on), on)
    assert drawn is not None
    assert [(one.license_type, one.kind_label, one.quantity, one.fill) for one in drawn.series] == [
        ("Core device", "Subscription", 32, 0),
        ("Universal device", "Subscription", 10, 1),
        ("Core device", "Tied to hardware", 5, 2),
    ]
    first, second = drawn.columns
    assert (first.first, first.total) == (date(2032, 1, 1), 45)
    assert (second.first, second.total) == (date(2032, 4, 1), 2)
    assert [(part.fill, part.quantity) for part in first.parts] == [(0, 30), (1, 10), (2, 5)]
    # 21 quarters from April 2027 to June 2032: the 20th begins at 19/21, and the two are too near for two numbers on a phone.
    assert second.bar.x == "95.81%"
    assert (first.has_room, second.has_room) == (True, False)
    # The scale ends at 60; the parts stand on each other, on the axis.
    assert [number for number, _y in drawn.grid] == [20, 40, 60]
    bottom = PLOT_TOP + PLOT_HEIGHT
    assert float(first.parts[0].y) + float(first.parts[0].height) == pytest.approx(bottom, abs=0.1)
    for below, above in pairwise(first.parts):
        assert float(above.y) + float(above.height) == pytest.approx(float(below.y), abs=0.2)
    assert float(first.top) == pytest.approx(bottom - PLOT_HEIGHT * 45 / 60, abs=0.1)
    assert [day.year for day, _x in drawn.years] == [2028, 2029, 2030, 2031, 2032]
    mirrored = drawn_wallet(product_wallet(books.registered(), on), on, mirrored=True)
    assert mirrored is not None
    assert mirrored.columns[1].bar.x == "0.57%"
    assert mirrored.start == "100%"


def test_every_license_of_the_wallet_is_in_the_picture(
    manager_client: Client, books: Books, frozen_clock: FrozenClock
) -> None:
    """Also long after: what has expired is left out of both."""
    books.report(START, core=1)
    for month in range(1, 13):
        books.redeem(date(2028, month, 15), core=month)
    for on in (date(2028, 12, 31), date(2033, 1, 14), date(2033, 6, 20), date(2033, 12, 14)):
        wallet = product_wallet(books.registered(), on)
        drawn = drawn_wallet(wallet, on)
        assert drawn is not None
        assert sum(column.total for column in drawn.columns) == wallet.subscription_total > 0
    page = "/o/harbour/products/camera-station/wallet/"
    frozen_clock.move_to(date(2033, 12, 14))
    assert "pic-wallet" in manager_client.get(page).content.decode()
    frozen_clock.move_to(date(2033, 12, 15))
    assert "pic-wallet" not in manager_client.get(page).content.decode()
