"""How far the years are covered: numbers worked out by hand, and the same as the standings' and the pages' in whole histories."""

from collections.abc import Mapping
from datetime import date
from typing import Any

import pytest
from django.test import Client

from licensemgr.portal.playing import Player
from organizations.models import Organization, Role, User
from organizations.services import add_member
from products.models import LicenseKind
from subscriptions.coverage import coverage, together
from subscriptions.queries import ProductStanding
from tests.factories import Books
from tests.pictures import coverage_numbers
from tests.rules.test_scenarios import _histories
from wallet.rules import take, use_by

pytestmark = pytest.mark.django_db
START = date(2027, 3, 1)


def numbers(standing: ProductStanding, code: str = "core-device") -> list[tuple[int, int, int, int, int, int]]:
    [kind] = [kind for kind in coverage(standing) if kind.license_type.code == code]
    return [
        (year.need, year.allocated, year.missing, year.in_wallet, year.to_buy, year.expiring) for year in kind.years
    ]


def test_nothing_is_to_cover_before_the_start(books: Books) -> None:
    books.report(START, core=3)
    assert coverage(books.stand(START)) == ()
    assert together(()) == ()


def test_the_wallet_covers_the_nearest_years_first(books: Books) -> None:
    """10 devices; 32 licenses, 10 of them allocated: 22 are left for 2028 (10), 2029 (10) and 2030 (2); 28 are to buy."""
    books.report(START, core=10)
    books.start(START)
    books.redeem(START, core=32)
    books.allocate(START, {"core": 10})
    # Use by 29 February 2032: the last day of the year 2031/2032, the fourth after the current one (R22).
    assert numbers(books.stand(START)) == [
        (10, 10, 0, 0, 0, 0),
        (10, 0, 10, 10, 0, 0),
        (10, 0, 10, 10, 0, 0),
        (10, 0, 10, 2, 8, 0),
        (10, 0, 10, 0, 10, 22),
        (10, 0, 10, 0, 10, 0),
    ]


def test_growth_within_the_allowance_is_no_need_of_the_current_year(books: Books) -> None:
    """R12: 10 allocated, 25 devices: the current year needs 15 and misses 5, the coming years need 25."""
    books.report(START, core=10)
    books.start(START)
    books.redeem(START, core=10)
    books.allocate(START, {"core": 10})
    books.report(START, core=25)
    assert numbers(books.stand(START))[:2] == [(15, 10, 5, 0, 5, 0), (25, 0, 25, 0, 25, 0)]


def test_types_never_serve_for_each_other(books: Books) -> None:
    """R14: 5 core licenses in the wallet cover nothing of 4 universal devices, also where both are told together."""
    books.report(START, core=2, universal=4)
    books.start(START)
    books.redeem(START, core=5)
    standing = books.stand(START)
    assert numbers(standing)[:3] == [(2, 0, 2, 2, 0, 0), (2, 0, 2, 2, 0, 0), (2, 0, 2, 1, 1, 0)]
    assert numbers(standing, "universal-device")[0] == (4, 0, 4, 0, 4, 0)
    first = together(coverage(standing))[0]
    assert (first.need, first.missing, first.in_wallet, first.to_buy) == (6, 6, 2, 4)


def test_a_wallet_of_hardware_licenses_covers_no_year(books: Books) -> None:
    books.report(START, core=2)
    books.start(START)
    books.redeem(START, kind=LicenseKind.HARDWARE, core=5)
    assert numbers(books.stand(START))[0] == (2, 0, 2, 0, 2, 0)


@pytest.mark.slow
@pytest.mark.parametrize(("file", "scenario"), [("scenarios", 21), ("scenarios-hardware", 14)])
def test_the_numbers_are_those_of_the_books_and_of_the_pages_in_whole_histories(
    file: str, scenario: int, administrator: User, administrator_client: Client, frozen_clock: Any
) -> None:
    player = Player()
    compared = 0
    for number, step in enumerate(_histories(file)[scenario]):
        player.play_step(step)
        organization = player.organizations[step["scenario"]]
        if number == 0:
            add_member(
                organization=organization, user=administrator, role=Role.ADMINISTRATOR, actor=None, on=date(2020, 1, 1)
            )
        for code, then in step["then"].items():
            if "years" in then:
                standing = Books(organization, code).stand(date.fromisoformat(step["on"]))
                _compare(standing, then)
                if number % 16 == 0:
                    frozen_clock.move_to(date.fromisoformat(step["on"]))
                    _compare_pages(administrator_client, organization, standing)
                    compared += 1
    assert compared > 1


def _compare(standing: ProductStanding, then: Mapping[str, Any]) -> None:
    """Against the history's own numbers, and against what allocating would take from the lots (R17)."""
    for kind in coverage(standing):
        code = kind.license_type.code
        for year, expected in zip(kind.years, then["years"], strict=True):
            assert year.allocated == expected["allocated"][code]
            assert year.missing == expected["missing"][code]
            assert year.missing == max(0, year.need - year.allocated)
        _taken, short = take(standing.stock[code], sum(year.missing for year in kind.years), standing.on)
        assert sum(year.to_buy for year in kind.years) == short
        # Whatever the wallet holds has to be used within the years on offer.
        assert sum(year.expiring for year in kind.years) == then["wallet"]["subscription"][code]
        for lot in standing.stock[code]:
            assert any(year.year.first <= use_by(lot.expires_on) <= year.year.last for year in kind.years)


def _compare_pages(client: Client, organization: Organization, standing: ProductStanding) -> None:
    product = standing.product
    shown = coverage_numbers(client.get(f"/o/{organization.slug}/products/{product.code}/licensing/").content.decode())
    assert set(shown) == {kind.license_type.name for kind in coverage(standing)}
    for kind in coverage(standing):
        assert shown[kind.license_type.name] == numbers(standing, kind.license_type.code)
    every = coverage_numbers(client.get(f"/o/{organization.slug}/coverage/").content.decode())
    assert every[product.name] == [
        (year.need, year.allocated, year.missing, year.in_wallet, year.to_buy, year.expiring)
        for year in together(coverage(standing))
    ]
