"""R23: the ledger moves, never counts; every balance can be recomputed from the entries."""

from datetime import date

import pytest

from products.models import LicenseType
from tests.factories import Books, check_conservation
from wallet import ledger
from wallet.errors import NotEnoughLicenses
from wallet.models import AccountCategory, Entry, LedgerAccount, Transfer, TransferReason

pytestmark = pytest.mark.django_db
DAY = date(2025, 3, 1)


@pytest.fixture
def stocked(books: Books) -> Books:
    """Five licenses in the wallet."""
    books.report(DAY, core=1)
    books.report(DAY, product="audio-manager", system="Audio", audio=1)
    books.redeem(DAY, core=5)
    return books


def _transfer(books: Books, *moves: ledger.Move) -> Transfer:
    return ledger.transfer(
        registered_product=books.registered(), reason=TransferReason.EXPIRED, moves=moves, actor=None, on=DAY
    )


def _accounts(books: Books, code: str = "core-device") -> tuple[LedgerAccount, LedgerAccount]:
    license_type = LicenseType.objects.get(code=code)
    wallet = LedgerAccount.objects.get(category=AccountCategory.WALLET)
    return wallet, ledger.single_account(books.registered(), license_type, "subscription", AccountCategory.EXPIRED)


def test_a_transfer_moves_and_numbers_itself(stocked: Books) -> None:
    wallet, expired = _accounts(stocked)
    made = _transfer(stocked, ledger.Move(wallet, expired, 2))
    assert made.sequence == 2
    wallet.refresh_from_db()
    expired.refresh_from_db()
    assert (wallet.balance, expired.balance) == (3, 2)
    check_conservation(stocked.organization)


def test_more_than_there_is_moves_nothing(stocked: Books) -> None:
    wallet, expired = _accounts(stocked)
    with pytest.raises(NotEnoughLicenses) as refused:
        _transfer(stocked, ledger.Move(wallet, expired, 4), ledger.Move(wallet, expired, 4))
    assert refused.value.short == {"core-device": 3}
    assert Entry.objects.count() == 1
    check_conservation(stocked.organization)


@pytest.mark.parametrize("quantity", [0, -1])
def test_a_quantity_is_positive(stocked: Books, quantity: int) -> None:
    wallet, expired = _accounts(stocked)
    with pytest.raises(ValueError, match="positive"):
        _transfer(stocked, ledger.Move(wallet, expired, quantity))


def test_types_units_and_products_do_not_mix(stocked: Books) -> None:
    wallet, _expired = _accounts(stocked)
    _wallet, other_type = _accounts(stocked, "universal-device")
    days = ledger.single_account(stocked.registered(), wallet.license_type, "subscription", AccountCategory.DAYS_CREDIT)
    audio = ledger.single_account(
        stocked.registered("audio-manager"), wallet.license_type, "subscription", AccountCategory.EXPIRED
    )
    for target in (other_type, days, audio):
        with pytest.raises(ValueError, match=r"A (move|transfer)"):
            _transfer(stocked, ledger.Move(wallet, target, 1))
    with pytest.raises(ValueError, match="at least one"):
        _transfer(stocked)


def test_entered_is_in_wallet_and_allocated_and_expired_at_every_moment(stocked: Books) -> None:
    # 5 redeemed; 2025-09-01: 184 days come back of 1 license; 3 devices from 2025-10-01 on: growth 2, allowance 1, 1 missing:
    # 31 + 30 + 31 + 31 + 28 = 151 days are left, 214 come back: 398 = 1 license and 33 days. So 6 entered: 2 allocated, 4 in
    # the wallet. On 2030-03-01 the 3 of the first lot expire, on 2030-10-01 the compensated one.
    stocked.start(DAY)
    stocked.allocate(date(2025, 9, 1), {"core": 1})
    check_conservation(stocked.organization)
    stocked.report(date(2025, 10, 1), core=3)
    stocked.allocate(date(2025, 10, 1), {"core": 1})
    check_conservation(stocked.organization)
    standing = stocked.stand(date(2025, 10, 1))
    assert (standing.credit_days["core-device"], standing.wallet["subscription"]["core-device"]) == (33, 4)
    for day, expired in ((date(2030, 3, 1), 3), (date(2030, 9, 30), 3), (date(2030, 10, 1), 4)):
        stocked.settle(day)
        assert LedgerAccount.objects.get(category=AccountCategory.EXPIRED).balance == expired
        check_conservation(stocked.organization)
    assert -LedgerAccount.objects.get(category=AccountCategory.ENTERED).balance == 6
