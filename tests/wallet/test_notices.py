"""When people are told that licenses in the wallet expire, in which words, and when no more (R22)."""

from datetime import date

import pytest

from licensemgr.core.models import OutboxMessage
from organizations.models import User
from products.models import LicenseKind
from tests.factories import Books

pytestmark = pytest.mark.django_db
# Five years later, on 1 March 2032, the licenses expire; 180, 90 and 30 days before that:
DAY = date(2027, 3, 1)
NOTICES = [date(2031, 9, 3), date(2031, 12, 2), date(2032, 1, 31)]


def told(books: Books) -> list[OutboxMessage]:
    """What was written of licenses that expire, for the administrator."""
    rows = OutboxMessage.objects.filter(
        organization=books.organization,
        reason__startswith="notice:lots-expiring:",
        recipient="administrator@example.com",
    )
    return list(rows.order_by("pk"))


def test_180_90_and_30_days_before_with_what_is_there_by_type_and_kind(
    books: Books, manager: User, viewer: User
) -> None:
    """Use by 29 February 2032. Each is of use until the next one, the last until the licenses expire."""
    books.report(DAY, core=1)
    books.redeem(DAY, core=3, universal=2)
    books.redeem(DAY, core=4)
    books.redeem(DAY, core=5, kind=LicenseKind.HARDWARE)
    books.settle(date(2032, 3, 2))
    assert [row.business_date for row in told(books)] == NOTICES
    assert [row.useful_until for row in told(books)] == [date(2031, 12, 1), date(2032, 1, 30), date(2032, 2, 29)]
    for row in told(books):
        assert row.subject == "Camera Station: use 14 licenses in the wallet by Feb. 29, 2032 – Harbour Cameras"
        lines = [line for line in row.body_text.splitlines() if line.startswith("- ")]
        assert lines == [
            "- Core device | Kind: Tied to hardware | Licenses: 5",
            "- Core device | Kind: Subscription | Licenses: 7",
            "- Universal device | Kind: Subscription | Licenses: 2",
        ]
        assert "By Feb. 29, 2032 allocate the subscription licenses" in row.body_text
        assert "/o/harbour/products/camera-station/licensing/" in row.body_text
        assert "/o/harbour/products/camera-station/wallet/" in row.body_text
    recipients = set(OutboxMessage.objects.values_list("recipient", flat=True))
    assert recipients == {"administrator@example.com", "manager@example.com"}


def test_one_mail_for_each_product_and_expiry_date(books: Books) -> None:
    books.report(DAY, core=1)
    books.report(DAY, product="audio-manager", system="Audio", audio=1)
    books.redeem(DAY, product="audio-manager", audio=6)
    books.redeem(DAY, core=3)
    books.redeem(date(2027, 3, 2), core=1)
    books.settle(date(2031, 9, 4))
    assert [(row.business_date, row.subject.partition(" – ")[0]) for row in told(books)] == [
        (date(2031, 9, 3), "Camera Station: use 3 licenses in the wallet by Feb. 29, 2032"),
        (date(2031, 9, 3), "Audio Manager: use 6 licenses in the wallet by Feb. 29, 2032"),
        (date(2031, 9, 4), "Camera Station: use 1 license in the wallet by March 1, 2032"),
    ]


def test_only_what_is_still_in_the_wallet_and_nothing_once_it_is_used(books: Books) -> None:
    """5 on the first notice; then 3 are allocated, and on the second there are 2; after that none."""
    books.report(DAY, core=3)
    books.redeem(DAY, core=5)
    books.start(date(2031, 10, 1))
    books.allocate(date(2031, 10, 1), {"core": 3})
    assert [row.last_error for row in told(books)] == [""]
    books.report(date(2031, 12, 3), core=8)  # growth 5, allowance 3: 2 are missing
    books.allocate(date(2031, 12, 3), {"core": 2})
    books.settle(date(2032, 3, 2))
    assert [(row.business_date, row.subject[:22]) for row in told(books)] == [
        (NOTICES[0], "Camera Station: use 5 "),
        (NOTICES[1], "Camera Station: use 2 "),
    ]
    assert {row.last_error for row in told(books)} == {"Not sent: what it tells of was over before."}


def test_of_a_lot_of_29_february(books: Books) -> None:
    """R22: it expires on 28 February 2033, use by the 27th: 180, 90 and 30 days before the 28th."""
    leap = date(2028, 2, 29)
    books.report(leap, core=1)
    books.redeem(leap, core=1)
    books.settle(date(2033, 3, 1))
    assert [row.business_date for row in told(books)] == [date(2032, 9, 1), date(2032, 11, 30), date(2033, 1, 29)]
    assert {row.subject.partition(" – ")[0] for row in told(books)} == {
        "Camera Station: use 1 license in the wallet by Feb. 27, 2033"
    }


def test_hardware_licenses_alone_lead_to_the_wallet(books: Books) -> None:
    books.report(DAY, core=1)
    books.redeem(DAY, core=2, kind=LicenseKind.HARDWARE)
    books.settle(NOTICES[0])
    [row] = told(books)
    assert "Allocate them to a hardware unit by Feb. 29, 2032." in row.body_text
    assert "/licensing/" not in row.body_text
