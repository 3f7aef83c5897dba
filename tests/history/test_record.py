"""R32: what changes an organization's books is on its History, in one gapless sequence."""

from datetime import date

import pytest

from history.models import Action, Record
from history.record import record
from organizations.models import Organization, User
from tests.factories import Books

pytestmark = pytest.mark.django_db
DAY = date(2025, 3, 1)


def test_each_organization_counts_for_itself(organization: Organization, other_organization: Organization) -> None:
    for each in (organization, other_organization, organization):
        record(organization=each, action=Action.SYSTEM_ADDED, actor=None, on=DAY, system="A")
    for each, last in ((organization, 4), (other_organization, 3)):
        sequences = Record.objects.filter(organization=each).order_by("sequence").values_list("sequence", flat=True)
        assert list(sequences) == list(range(1, last + 1))


def test_what_it_says_can_be_searched(organization: Organization, administrator: User) -> None:
    record(
        organization=organization,
        action=Action.SYSTEM_ADDED,
        actor=administrator,
        on=DAY,
        system="Main GATE",
        devices={"core-device": 17},
    )
    found = Record.objects.get(action=Action.SYSTEM_ADDED)
    assert "main gate" in found.search_text
    assert "core-device 17" in found.search_text
    # Names of people stay outside of what can never be changed.
    assert "ada" not in f"{found.search_text} {found.payload}".lower()


def test_a_life_is_told_in_order(books: Books) -> None:
    books.report(DAY, core=2)
    books.start(DAY)
    books.redeem(DAY, core=2)
    books.report(date(2025, 9, 1), core=2)
    books.allocate(date(2025, 9, 1), {"core": 2})
    books.remove(date(2025, 9, 2))
    told = Record.objects.filter(organization=books.organization).order_by("sequence")
    assert [str(each.action) for each in told] == [
        "organizations.organization.created",
        "organizations.member.added",
        "products.product.registered",
        "products.system.added",
        "subscriptions.subscription.started",
        "wallet.license_key.redeemed",
        "subscriptions.licenses.allocated",
        "wallet.licenses.compensated",
        "subscriptions.year.fully_licensed",
        "products.system.removed",
    ]
    compensated = told.get(action=Action.LICENSES_COMPENSATED)
    assert compensated.payload == {
        "days": {"core-device": 368},
        "licenses": {"core-device": 1},
        "credit_days": {"core-device": 3},
    }
